//! Which events match.

use std::net::IpAddr;

use crate::journal::id::Id;
use crate::text::http;
use crate::text::number;
use crate::text::time::Timestamp;

use super::super::entry::Fields;

/// All conditions must hold. Texts are escaped, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub kind: Option<String>,
    pub user: Option<String>,
    pub network: Option<Network>,
    /// A prefix of the path.
    pub endpoint: Option<String>,
    /// The earliest time.
    pub from: Option<Timestamp>,
    /// The latest time.
    pub to: Option<Timestamp>,
    /// Only events that a limit denied.
    pub limited: bool,
    /// Only anomalies.
    pub anomaly: bool,
}

impl Filter {
    pub fn matches(&self, id: Id, fields: &Fields<'_>) -> bool {
        fn is<'a>(wanted: Option<&'a String>, given: Option<&'a str>) -> bool {
            wanted.is_none_or(|wanted| given == Some(wanted.as_str()))
        }
        self.from.is_none_or(|from| id.at >= from)
            && self.to.is_none_or(|to| id.at <= to)
            && (!self.limited || fields.limited)
            && (!self.anomaly || fields.anomaly)
            && is(self.kind.as_ref(), Some(fields.kind()))
            && is(self.user.as_ref(), fields.user)
            && self.network.is_none_or(|network| fields.ip.is_some_and(|ip| network.holds(ip)))
            && self.endpoint.as_ref().is_none_or(|prefix| {
                fields.endpoint.is_some_and(|endpoint| endpoint.starts_with(prefix.as_str()))
            })
    }
}

/// A network in CIDR notation (RFC 4632), or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// How many leading bits its addresses share.
    pub prefix: u8,
}

impl Network {
    /// Reads `203.0.113.9` or `203.0.113.0/24`, of either version.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let Some(slash) = text.iter().position(|&byte| byte == b'/') else {
            return http::address(text).ok().map(Self::of);
        };
        let whole = Self::of(http::address(&text[..slash]).ok()?);
        let prefix = u8::try_from(number::unsigned(&text[slash + 1..])?).ok()?;
        (prefix <= whole.prefix).then_some(Self { prefix, ..whole })
    }

    fn of(address: IpAddr) -> Self {
        Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether it is a single address.
    pub fn is_single(self) -> bool {
        self == Self::of(self.address)
    }

    /// Whether `ip` is in it.
    pub fn holds(self, ip: IpAddr) -> bool {
        // The bits stand at the top of 128, whichever the version.
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let differ = bits(ip) ^ bits(self.address);
        ip.is_ipv4() == self.address.is_ipv4() && differ.leading_zeros() >= u32::from(self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3/8", "10.9.9.9", "9.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "ffff::", "0.0.0.0"),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", "10.1.2.3"),
        ] {
            assert!(network(text).holds(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network(text).holds(outside.parse().unwrap()), "{text} {outside}");
        }
        assert!(network("::1").is_single() && network("1.2.3.4/32").is_single());
        assert!(!network("1.2.3.4/31").is_single());
    }

    #[test]
    fn what_is_no_network_is_refused() {
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
            assert_eq!(Network::parse(text.as_bytes()), None, "{text}");
        }
    }
}
