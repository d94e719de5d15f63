//! The file format of secrets, for `jwt-secret-file` and `refresh-secret-file`. One secret of 32
//! bytes or more per line, without the surrounding blanks. The first one makes tokens, all verify.
//! Blank lines and lines that begin with `#` are skipped. No error shows a part of a secret.

use crate::text::lines::lines;

/// The shortest secret, in bytes (RFC 7518, section 3.2).
const MIN_BYTES: usize = 32;
/// Two are in use during a change of secrets. The rest is for frequent changes.
const MAX_SECRETS: usize = 8;

pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut secrets: Vec<&[u8]> = Vec::new();
    for (number, line) in lines(bytes)? {
        if line.len() < MIN_BYTES {
            return Err(format!("line {number}: the secret is shorter than {MIN_BYTES} bytes"));
        }
        if secrets.len() == MAX_SECRETS {
            return Err(format!("line {number}: there are more than {MAX_SECRETS} secrets"));
        }
        secrets.push(line.as_bytes());
    }
    if secrets.is_empty() {
        return Err("there is no secret in it".to_owned());
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_line_of_32_bytes_or_more() {
        let long = "x".repeat(32);
        assert_eq!(parse(format!("# of today\n\n {long}\r\n{long}y\n").as_bytes()).map(|s| s.len()), Ok(2));
        let short = format!("{long}\n{}", "y".repeat(31));
        assert_eq!(parse(short.as_bytes()), Err("line 2: the secret is shorter than 32 bytes".into()));
        assert!(parse(b"#\n").is_err() && parse(b"").is_err() && parse(&[255; 40]).is_err());
        assert!(parse(format!("{long}\n").repeat(9).as_bytes()).is_err());
    }
}
