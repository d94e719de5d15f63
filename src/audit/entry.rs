//! An event of the audit log: checked, escaped and bounded when it is recorded, packed into one
//! small block of bytes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::journal::id::Id;
use crate::journal::queue::Event;
use crate::text::time::Timestamp;

/// The maximum length of a kind, in letters, digits, dots, hyphens and underscores.
pub(crate) const KIND: usize = 64;
/// The maximum size of a user after escaping, beyond which it is cut. Always short enough for an
/// index.
pub(crate) const USER: usize = 256;
/// The maximum size of a path after escaping, beyond which it is cut. Always short enough for an
/// index.
pub(crate) const ENDPOINT: usize = 1024;
/// The maximum size of data.
pub(crate) const DATA: usize = 16_384;

/// The kind of an event without a kind.
const REQUEST: &str = "request";

/// The kind of an event that reports a gap.
pub(crate) const GAP: &str = "gap";

/// The kind of an event that reports an erasure.
pub(crate) const ERASED: &str = "audit.erased";

/// The fields of an event. Texts are UTF-8 without NUL, as Postgres takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields<'a> {
    /// Whether a limit denied the request. It comes first, where [`Entry::is_limited`] finds it.
    pub limited: bool,
    /// Whether the caller marked the request as an anomaly.
    pub anomaly: bool,
    /// `request` if `None`.
    pub kind: Option<&'a str>,
    pub user: Option<&'a str>,
    pub ip: Option<IpAddr>,
    /// The HTTP method.
    pub method: Option<&'a str>,
    /// The path of the request.
    pub endpoint: Option<&'a str>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// In microseconds.
    pub latency: Option<u64>,
    /// JSON.
    pub data: Option<&'a str>,
    /// When the event was recorded, if that was not when it happened.
    pub recorded: Option<Timestamp>,
}

impl<'a> Fields<'a> {
    pub fn kind(&self) -> &'a str {
        self.kind.unwrap_or(REQUEST)
    }
}

/// An event and its id.
pub(crate) type Record = (Id, Arc<Entry>);

/// An event, packed. Its fields can always be unpacked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry(Box<[u8]>);

impl Entry {
    /// More than any event takes: a longer one in a file or an effect is damaged.
    const MAX_BYTES: usize = 2 * DATA;

    pub(crate) fn new(fields: &Fields<'_>) -> Self {
        Self::pack(fields, &mut Vec::new())
    }

    /// Packs `fields` in `scratch`, whose content is lost, so that packing takes one allocation.
    pub(crate) fn pack(fields: &Fields<'_>, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        // Encoding plain data into memory cannot fail.
        *scratch = postcard::to_extend(fields, std::mem::take(scratch)).unwrap_or_default();
        Self(scratch.as_slice().into())
    }

    pub(crate) fn fields(&self) -> Fields<'_> {
        postcard::from_bytes(&self.0).unwrap_or_default()
    }

    /// Whether a limit denied the request.
    pub(crate) fn is_limited(&self) -> bool {
        self.0.first().is_some_and(|limited| *limited == 1)
    }

    fn checked(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > Self::MAX_BYTES {
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
    fn unpacks_to_the_packed_fields() {
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
        fn any_bytes_are_an_event_or_refused(bytes: Vec<u8>) {
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
