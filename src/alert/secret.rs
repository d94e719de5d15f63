//! The secrets that sign webhooks, as files contain them.
//!
//! Their form is that of the Standard Webhooks specification: `whsec_` and the base64 of 24 to 64
//! random bytes. No error contains any part of a secret.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::text::lines::lines;

/// Two secrets sign while receivers change from one to the other.
pub(crate) const MAX_SECRETS: usize = 2;

/// In bytes, by the specification.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

const PREFIX: &str = "whsec_";

/// Padding is optional, because secrets are pasted by hand.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Its bytes exist only inside the key, which the crypto library wipes when it is dropped.
#[derive(Clone)]
pub(crate) struct Secret(hmac::Key);

impl Secret {
    /// Reads a secret, with or without the prefix `whsec_`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = BASE64.decode(encoded).map_err(|_| "the secret is not base64".to_owned())?;
        if !LENGTHS.contains(&bytes.len()) {
            let (least, most) = (LENGTHS.start(), LENGTHS.end());
            return Err(format!("the secret is not of {least} to {most} bytes, encoded as base64"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    pub(super) fn key(&self) -> &hmac::Key {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Reads the file of secrets for endpoints without secrets of their own: one or two lines, one
/// secret each. Blank lines and lines that begin with `#` are skipped. An error contains the line
/// number and nothing of the line.
pub(crate) fn parse_secrets(bytes: &[u8]) -> Result<Vec<Secret>, String> {
    let mut secrets = Vec::new();
    for (number, line) in lines(bytes)? {
        let secret = Secret::parse(line).map_err(|why| format!("line {number}: {why}"))?;
        if secrets.len() == MAX_SECRETS {
            return Err(format!("line {number}: there are more than {MAX_SECRETS} secrets"));
        }
        secrets.push(secret);
    }
    if secrets.is_empty() {
        return Err("there is no secret in it".to_owned());
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    fn encoded(length: usize) -> String {
        BASE64_STANDARD.encode(vec![0xa7; length])
    }

    #[test]
    fn a_secret_is_24_to_64_bytes_with_or_without_the_prefix() {
        for length in [24, 25, 32, 63, 64] {
            let text = encoded(length);
            assert!(Secret::parse(&text).is_ok());
            assert!(Secret::parse(&format!("whsec_{text}")).is_ok());
            assert!(Secret::parse(text.trim_end_matches('=')).is_ok());
        }
        for length in [0, 1, 23, 65, 1000] {
            assert!(Secret::parse(&encoded(length)).is_err_and(|why| why.contains("24 to 64")));
        }
        for text in ["whsec_", "wrong!", "whsec_whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS w", "\u{fe}"] {
            assert!(Secret::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_holds_one_or_two() {
        let one = encoded(32);
        let file = |text: String| parse_secrets(text.as_bytes()).map(|secrets| secrets.len());
        assert_eq!(file(format!("# made today\r\n\r\n  whsec_{one}\r\n")), Ok(1));
        assert_eq!(file(format!("{one}\n{one}")), Ok(2));
        assert_eq!(
            file(format!("{one}\n#\n{one}\n{one}")),
            Err("line 4: there are more than 2 secrets".into())
        );
        assert_eq!(file("# none\n\n".into()), Err("there is no secret in it".into()));
        assert!(parse_secrets(b"\n\xff\xfe").is_err_and(|why| why.starts_with("line 2")));
    }

    proptest! {
        #[test]
        fn no_error_shows_what_the_file_held(secret in "[a-zA-Z0-9_!]{12,90}") {
            if let Err(why) = parse_secrets(format!("\n{secret}").as_bytes()) {
                prop_assert!(why.starts_with("line 2: "));
                prop_assert!(!why.contains(&secret));
            }
            let shown = format!("{:?}", parse_secrets(secret.as_bytes()));
            prop_assert!(!shown.contains(&secret));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = parse_secrets(&bytes);
        }
    }
}
