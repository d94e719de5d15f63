//! The filter of LW.AUDITLOG QUERY.

use ipnet::IpNet;

use crate::journal::id::Id;
use crate::text::escape;
use crate::text::time::Timestamp;

use super::super::entry::{Fields, KIND};

/// The conditions that an event must meet. Texts are escaped, like stored ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub kind: Option<Kind>,
    pub user: Option<String>,
    pub network: Option<IpNet>,
    /// A prefix of the path.
    pub endpoint: Option<String>,
    pub method: Option<String>,
    pub status: Option<u16>,
    pub from: Option<Timestamp>,
    /// Inclusive.
    pub to: Option<Timestamp>,
    pub limited: bool,
    pub anomaly: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Is(String),
    StartsWith(String),
}

impl Kind {
    fn matches(&self, kind: &str) -> bool {
        match self {
            Self::Is(wanted) => kind == wanted,
            Self::StartsWith(prefix) => kind.starts_with(prefix.as_str()),
        }
    }
}

impl Filter {
    pub(crate) fn matches(&self, id: Id, fields: &Fields<'_>) -> bool {
        fn is<'a>(wanted: Option<&'a String>, given: Option<&'a str>) -> bool {
            wanted.is_none_or(|wanted| given == Some(wanted.as_str()))
        }
        self.from.is_none_or(|from| id.at >= from)
            && self.to.is_none_or(|to| id.at <= to)
            && (!self.limited || fields.limited)
            && (!self.anomaly || fields.anomaly)
            && self.kind.as_ref().is_none_or(|kind| kind.matches(fields.kind()))
            && is(self.user.as_ref(), fields.user)
            && is(self.method.as_ref(), fields.method)
            && self.status.is_none_or(|status| fields.status == Some(status))
            && self.network.is_none_or(|network| fields.ip.is_some_and(|ip| network.contains(&ip)))
            && self.endpoint.as_ref().is_none_or(|prefix| {
                fields.endpoint.is_some_and(|endpoint| endpoint.starts_with(prefix.as_str()))
            })
    }
}

/// Reads a kind, or the beginning of kinds with a star behind it: `token.*`.
pub(crate) fn kind(text: &[u8]) -> Result<Kind, String> {
    let read = escape::read_label(KIND);
    match text {
        b"*" => Ok(Kind::StartsWith(String::new())),
        [prefix @ .., b'*'] => read(prefix).map(|prefix| Kind::StartsWith(prefix.to_owned())),
        _ => read(text).map(|kind| Kind::Is(kind.to_owned())),
    }
}
