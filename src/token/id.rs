//! Identifiers of sessions and tokens.

use std::fmt::{self, Display};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::server::random;
use crate::text::number;

/// 128 random bits, written as 22 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct SessionId(pub [u8; 16]);

/// Counts the token pairs of a session. The first pair has generation 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Generation(pub u32);

impl SessionId {
    /// The length in characters.
    pub(crate) const TEXT: usize = 22;
    /// The first in order.
    pub(crate) const LOWEST: Self = Self([0; 16]);

    /// A new random id, or `None` if the system has no random bytes.
    pub(crate) fn random() -> Option<Self> {
        random::bytes().map(Self)
    }

    /// Reads exactly what [`Display`] writes.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        let len = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (len == bytes.len()).then_some(Self(bytes))
    }
}

impl Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT];
        // Sixteen bytes always fit.
        let len = BASE64_URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).unwrap_or(0);
        f.write_str(std::str::from_utf8(&text[..len]).unwrap_or_default())
    }
}

impl Generation {
    pub(crate) const FIRST: Self = Self(1);
    pub(crate) const LAST: Self = Self(u32::MAX);

    /// The next generation, or `None` at the end of the range.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// Whether `self` comes directly before `other`.
    pub(crate) fn precedes(self, other: Self) -> bool {
        self.next() == Some(other)
    }
}

/// The `jti` of an access token: session id, dot, generation.
pub(crate) fn token_id(session: SessionId, generation: Generation) -> String {
    format!("{session}.{}", generation.0)
}

/// Reads the generation from a `jti` of `session`.
pub(crate) fn generation_of(token_id: &str, session: &str) -> Option<Generation> {
    let digits = token_id.strip_prefix(session)?.strip_prefix('.')?;
    let number = number::unsigned(digits.as_bytes())?;
    u32::try_from(number).ok().filter(|number| *number > 0).map(Generation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_session_id_reads_back(bytes: [u8; 16], generation in 1..=u32::MAX) {
            let id = SessionId(bytes);
            let text = id.to_string();
            prop_assert_eq!(text.len(), SessionId::TEXT);
            prop_assert_eq!(SessionId::parse(text.as_bytes()), Some(id));
            let jti = token_id(id, Generation(generation));
            prop_assert_eq!(generation_of(&jti, &text), Some(Generation(generation)));
        }

        #[test]
        fn a_session_id_is_written_in_one_way(text in "[A-Za-z0-9_=+/-]{20,24}") {
            if let Some(id) = SessionId::parse(text.as_bytes()) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_token_id_is_written_in_one_way() {
        for jti in ["s", "s.", "s.0", "s.01", "s.-1", "s.+1", "s.1.1", "t.1", "s.4294967296", "s1"] {
            assert_eq!(generation_of(jti, "s"), None, "{jti}");
        }
    }
}
