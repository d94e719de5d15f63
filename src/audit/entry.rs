//! An event, as it is kept: checked, escaped and bounded when it was appended, in one small block of bytes.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::journal::queue::Event;
use crate::text::time::Timestamp;

/// The longest kind: letters, digits, dots, hyphens and underscores.
pub const KIND: usize = 64;
/// The longest user that is kept whole, escaped, in bytes. Short enough for an index whatever is in it.
pub const USER: usize = 256;
/// The longest path that is kept whole, escaped, in bytes; likewise.
pub const ENDPOINT: usize = 1024;
/// The longest data that is kept whole, in bytes.
pub const DATA: usize = 16_384;

/// The kind of an event that names none.
const REQUEST: &str = "request";

/// The kind of the row that tells how many events were refused.
pub const GAP: &str = "gap";

/// What an event tells. Texts are as Postgres takes them: UTF-8 without NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields<'a> {
    /// Whether a limit denied the request. It comes first, where [`Entry::is_limited`] finds it.
    pub limited: bool,
    /// Whether the request was part of a burst, or otherwise strange.
    pub anomaly: bool,
    /// What kind of event it is, if it is not a `request`.
    pub kind: Option<&'a str>,
    /// Who.
    pub user: Option<&'a str>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what HTTP method.
    pub method: Option<&'a str>,
    /// What was asked for.
    pub endpoint: Option<&'a str>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// How long the answer took, in microseconds.
    pub latency: Option<u64>,
    /// Whatever else there is to say: JSON.
    pub data: Option<&'a str>,
    /// When it was recorded, if it was at another time.
    pub recorded: Option<Timestamp>,
}

impl<'a> Fields<'a> {
    /// What kind of event it is.
    pub fn kind(&self) -> &'a str {
        self.kind.unwrap_or(REQUEST)
    }
}

/// An event, packed. It always holds fields that can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry(Box<[u8]>);

impl Entry {
    /// More than any event takes: what is longer in a file or an effect is damaged.
    const MOST: usize = 2 * DATA;

    /// Packs `fields`.
    pub fn new(fields: &Fields<'_>) -> Self {
        Self::pack(fields, &mut Vec::new())
    }

    /// Packs `fields` in `scratch`, of which nothing stays but its room: so it takes one allocation.
    pub fn pack(fields: &Fields<'_>, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        // Writing plain data into memory can't fail.
        *scratch = postcard::to_extend(fields, std::mem::take(scratch)).unwrap_or_default();
        Self(scratch.as_slice().into())
    }

    /// What it tells.
    pub fn fields(&self) -> Fields<'_> {
        postcard::from_bytes(&self.0).unwrap_or_default()
    }

    /// Whether the request was denied by a limit.
    pub fn is_limited(&self) -> bool {
        self.0.first().is_some_and(|limited| *limited == 1)
    }

    fn checked(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > Self::MOST {
            return None;
        }
        let (_, rest) = postcard::take_from_bytes::<Fields<'_>>(bytes).ok()?;
        rest.is_empty().then(|| Self(bytes.into()))
    }
}

impl Event for Entry {
    fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(f)
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        Self::checked(bytes).ok_or_else(|| serde::de::Error::custom("no event"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full() -> Fields<'static> {
        Fields {
            limited: true,
            anomaly: true,
            kind: Some("login"),
            user: Some("alice"),
            ip: Some("2001:db8::1".parse().unwrap()),
            method: Some("GET"),
            endpoint: Some("/a"),
            status: Some(429),
            latency: Some(1500),
            data: Some("{}"),
            recorded: Some(Timestamp(7)),
        }
    }

    #[test]
    fn tells_what_it_was_made_of() {
        let entry = Entry::new(&full());
        assert_eq!(entry.fields(), full());
        assert!(entry.is_limited() && !Entry::new(&Fields::default()).is_limited());
        let sent = postcard::to_stdvec(&entry).unwrap();
        assert_eq!(postcard::from_bytes::<Entry>(&sent).unwrap(), entry);
    }

    #[test]
    fn a_plain_request_is_small() {
        let fields = Fields { user: Some("u"), ..Fields::default() };
        let entry = Entry::new(&fields);
        assert_eq!((entry.fields().kind(), entry.is_limited()), ("request", false));
        assert!(entry.size() <= 14, "{}", entry.size());
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_none(bytes: Vec<u8>) {
            if let Some(entry) = Entry::checked(&bytes) {
                let _ = entry.fields();
            }
        }

        #[test]
        fn a_damaged_event_is_read_or_refused(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut bytes = Entry::new(&full()).0.into_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len()) + 1);
            if let Some(entry) = Entry::checked(&bytes) {
                let _ = entry.fields();
            }
        }
    }
}
