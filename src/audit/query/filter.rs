//! The filter of LW.AUDITLOG QUERY.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::journal::id::Id;
use crate::text::escape;
use crate::text::number;
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

/// Reads `203.0.113.9` or `203.0.113.0/24`, of either version. A bare address is a network of one.
pub(crate) fn network(text: &[u8]) -> Option<IpNet> {
    let text = std::str::from_utf8(text).ok()?;
    let Some((address, prefix)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    let prefix = u8::try_from(number::unsigned(prefix.as_bytes())?).ok()?;
    IpNet::new(address.parse().ok()?, prefix).ok()
}

/// Whether `network` is a single address.
pub(crate) fn is_single(network: IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> IpNet {
        network(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_network_contains_its_addresses() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3/8", "10.9.9.9", "9.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "ffff::", "0.0.0.0"),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", "10.1.2.3"),
        ] {
            assert!(parsed(text).contains(&inside.parse::<IpAddr>().unwrap()), "{text} {inside}");
            assert!(!parsed(text).contains(&outside.parse::<IpAddr>().unwrap()), "{text} {outside}");
        }
        assert!(is_single(parsed("::1")) && is_single(parsed("1.2.3.4/32")));
        assert!(!is_single(parsed("1.2.3.4/31")));
    }

    #[test]
    fn text_that_is_no_network_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0/-1",
            "a/8",
            "1.2.3.4/8/8",
        ] {
            assert_eq!(network(text.as_bytes()), None, "{text}");
        }
    }
}
