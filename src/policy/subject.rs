//! Whom a key belongs to, and which subjects an override is for.

/// The longest subject of an override, in bytes, with its `*`.
pub(super) const MAX_SUBJECT: usize = 256;

/// The longest name of a policy.
pub(super) const MAX_NAME: usize = 64;

/// Whether `name` can be the name of a policy.
pub(super) fn is_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MAX_NAME).contains(&name.len()) && name.iter().all(is_allowed)
}

/// The subject of a key: the text between its first `{` and the next `}`, as in Redis's hash tags.
/// The whole key if it has no such text or the text is empty.
pub(super) fn of(key: &[u8]) -> &[u8] {
    let tag = || {
        let start = key.iter().position(|&byte| byte == b'{')? + 1;
        let len = key[start..].iter().position(|&byte| byte == b'}')?;
        (len > 0).then(|| &key[start..start + len])
    };
    tag().unwrap_or(key)
}

/// The subjects that an override is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// This one.
    Exact(&'a [u8]),
    /// All that begin with these bytes. The text ends in a `*`.
    Prefix(&'a [u8]),
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > MAX_SUBJECT {
            return Err("is not of 1 to 256 bytes");
        }
        match text.iter().position(|&byte| byte == b'*') {
            None => Ok(Self::Exact(text)),
            Some(at) if at + 1 == text.len() => Ok(Self::Prefix(&text[..at])),
            Some(_) => Err("has a * before its end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_hash_tag_or_the_whole_key() {
        for (key, subject) in [
            ("lw:{t7}:login", "t7"),
            ("{a}{b}", "a"),
            ("{a{b}c}", "a{b"),
            ("}{a}", "a"),
            ("plain", "plain"),
            ("{}", "{}"),
            ("{}{a}", "{}{a}"),
            ("{open", "{open"),
            ("", ""),
        ] {
            assert_eq!(of(key.as_bytes()), subject.as_bytes(), "{key}");
        }
        assert_eq!(of(b"\0{\xff}"), b"\xff");
    }

    #[test]
    fn an_override_is_for_one_subject_or_for_all_with_a_prefix() {
        assert_eq!(Pattern::parse(b"t7"), Ok(Pattern::Exact(b"t7")));
        assert_eq!(Pattern::parse(b"t7*"), Ok(Pattern::Prefix(b"t7")));
        assert_eq!(Pattern::parse(b"*"), Ok(Pattern::Prefix(b"")));
        assert_eq!(Pattern::parse(&[0xff; MAX_SUBJECT]), Ok(Pattern::Exact(&[0xff; MAX_SUBJECT])));
        for refused in [&b""[..], b"a*b", b"a**", b"**", &[b'x'; MAX_SUBJECT + 1]] {
            assert!(Pattern::parse(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_name_has_letters_digits_and_three_signs() {
        assert!(is_name(b"Login-v2.eu_1") && is_name(&[b'x'; MAX_NAME]));
        for refused in [&b""[..], &[b'x'; MAX_NAME + 1], b"a b", b"a*", b"@a", b"a:b", b"\xc3\xa4", b"a\0"] {
            assert!(!is_name(refused), "{refused:?}");
        }
    }
}
