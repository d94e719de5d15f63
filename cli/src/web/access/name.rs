//! The names of people in the auth file.

/// Refuses what is no name, and says what is one.
pub fn check(name: &str) -> Result<(), &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err("a name has 1 to 64 characters of A-Z a-z 0-9 . _ @ -")
    }
}
