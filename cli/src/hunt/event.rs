//! An event of the audit log, as far as it says something about who caused it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::sketch::hash_of;

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// One row. Times are Unix milliseconds, texts bytes in the encoding of the database.
#[derive(Clone, Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) ms: i64,
    pub(super) kind: &'a str,
    pub(super) user: Option<&'a [u8]>,
    pub(super) ip: Option<IpAddr>,
    pub(super) path: Option<&'a [u8]>,
    pub(super) method: Option<&'a [u8]>,
    pub(super) status: Option<i16>,
    pub(super) limited: bool,
    pub(super) anomaly: bool,
    pub(super) agent: Option<&'a [u8]>,
}

impl Event<'_> {
    /// Whether the event is lockwatch's own and says nothing about a client.
    pub(super) fn is_housekeeping(&self) -> bool {
        let of_guards = self.kind.starts_with("guard.") && !self.is_incident();
        of_guards || matches!(self.kind, "gap" | "audit.erased")
    }

    /// Whether lockwatch itself found something wrong: a guard fired, or a token was stolen or
    /// forged.
    pub(super) fn is_incident(&self) -> bool {
        // An operator's ban is a `guard.ban` too. It is about the address, so it counts as well.
        let kinds =
            ["guard.ban", "guard.challenge", "guard.alert", "token.reuse", "token.forgery", "token.rollback"];
        kinds.contains(&self.kind) || self.anomaly && !self.kind.starts_with("guard.")
    }

    pub(super) fn has_failed(&self) -> bool {
        self.limited || matches!(self.status, Some(401 | 403 | 404 | 429))
    }

    /// Whether the event is a request or another action of a client, not an incident that lockwatch
    /// recorded beside it.
    pub(super) fn is_call(&self) -> bool {
        !self.kind.starts_with("guard.") && !self.kind.starts_with("token.")
    }

    /// The path without its query, with the method: `GET /v1/items`.
    pub(super) fn path_hash(&self) -> Option<u64> {
        let path = self.path?.split(|byte| b"?#".contains(byte)).next()?;
        Some(hash_of(&(self.method.unwrap_or_default(), path)))
    }
}

/// The address that stands for a customer: an IPv4 address, or the /64 of an IPv6 one, as guards
/// see it.
pub(super) fn customer(ip: IpAddr) -> IpNet {
    match unmapped(ip) {
        IpAddr::V4(ip) => Ipv4Net::from(ip).into(),
        IpAddr::V6(ip) => block_v6(ip, 64),
    }
}

/// The network in which a customer's address changes from time to time: an IPv4 /24 or an IPv6 /48.
pub(super) fn network(ip: IpAddr) -> IpNet {
    match unmapped(ip) {
        IpAddr::V4(ip) => {
            let first = Ipv4Addr::from_bits(ip.to_bits() & 0xffff_ff00);
            Ipv4Net::new(first, 24).map_or_else(|_| Ipv4Net::from(ip).into(), IpNet::from)
        }
        IpAddr::V6(ip) => block_v6(ip, 48),
    }
}

fn block_v6(ip: Ipv6Addr, prefix: u8) -> IpNet {
    let first = Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (128 - prefix)));
    Ipv6Net::new(first, prefix).map_or_else(|_| Ipv6Net::from(ip).into(), IpNet::from)
}

/// An IPv4 address that is written as an IPv6 one (mapped, or by NAT64) as IPv4.
pub(super) fn unmapped(ip: IpAddr) -> IpAddr {
    const NAT64: u128 = 0x0064_ff9b << 96;
    match ip.to_canonical() {
        IpAddr::V6(v6) if v6.to_bits() >> 32 == NAT64 >> 32 => {
            Ipv4Addr::from_bits(v6.to_bits() as u32).into()
        }
        canonical => canonical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_for_the_same_customer_as_in_a_guard() {
        for (ip, customer_is, network_is) in [
            ("203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
            ("::ffff:203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
            ("64:ff9b::cb00:7109", "203.0.113.9/32", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(
                (customer(ip).to_string(), network(ip).to_string()),
                (customer_is.into(), network_is.into())
            );
        }
    }

    #[test]
    fn a_path_counts_without_its_query() {
        let hash = |path: Option<&'static [u8]>, method: Option<&'static [u8]>| {
            Event { path, method, ..Event::default() }.path_hash()
        };
        assert_eq!(hash(Some(b"/a?x=1"), None), hash(Some(b"/a?x=2"), None));
        assert_ne!(hash(Some(b"/a"), Some(b"GET")), hash(Some(b"/a"), Some(b"POST")));
        assert_eq!(hash(None, Some(b"GET")), None);
    }
}
