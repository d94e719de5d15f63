//! Addresses as a guard counts them, their networks, and CIDR blocks.
//!
//! IPv4 addresses that are written as IPv6 (mapped ones, and those of NAT64's well-known prefix,
//! RFC 6052) count as IPv4. One customer usually has a whole IPv6 /64, so that is one address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address that has counts: an IPv4 address, an IPv6 /64, or an IPv6 /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    kind: PlaceKind,
    /// The leading bits of the address, right-aligned.
    bits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum PlaceKind {
    V4,
    V6,
    /// An IPv6 /48, which counts the events of all its /64.
    Wide,
}

impl Place {
    /// The address that counts for `ip`, which is normalised.
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self { kind: PlaceKind::V4, bits: u64::from(v4.to_bits()) },
            IpAddr::V6(v6) => Self { kind: PlaceKind::V6, bits: (v6.to_bits() >> 64) as u64 },
        }
    }

    /// The /48 of an IPv6 address.
    pub(crate) fn wide(self) -> Option<Self> {
        (self.kind == PlaceKind::V6).then_some(Self { kind: PlaceKind::Wide, bits: self.bits >> 16 })
    }

    pub(crate) fn is_wide(self) -> bool {
        self.kind == PlaceKind::Wide
    }

    /// A number for the network of the address: an IPv4 /24 or an IPv6 /48.
    pub(crate) fn network(self) -> u64 {
        match self.kind {
            PlaceKind::V4 => self.bits >> 8,
            PlaceKind::V6 => 1 << 63 | self.bits >> 16,
            PlaceKind::Wide => 1 << 63 | self.bits,
        }
    }

    /// The block of addresses that it covers.
    pub(crate) fn block(self) -> Block {
        let v6 = |bits: u128, prefix| Block { is_v6: true, bits: [(bits >> 64) as u64, bits as u64], prefix };
        match self.kind {
            PlaceKind::V4 => Block { is_v6: false, bits: [self.bits << 32, 0], prefix: 32 },
            PlaceKind::V6 => v6(u128::from(self.bits) << 64, 64),
            PlaceKind::Wide => v6(u128::from(self.bits) << 80, 48),
        }
    }

    /// The single number by which a pair refers to an IPv4 address or an IPv6 /64.
    pub(crate) fn bits(self) -> u64 {
        self.bits
    }

    pub(crate) fn is_v4(self) -> bool {
        self.kind == PlaceKind::V4
    }

    /// The address of which [`Self::bits`] and [`Self::is_v4`] are these.
    pub(crate) fn of_bits(is_v4: bool, bits: u64) -> Self {
        Self { kind: if is_v4 { PlaceKind::V4 } else { PlaceKind::V6 }, bits }
    }

    pub(crate) fn is_sound(self) -> bool {
        match self.kind {
            PlaceKind::V4 => self.bits <= u64::from(u32::MAX),
            PlaceKind::V6 => true,
            PlaceKind::Wide => self.bits < 1 << 48,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.block().fmt(f)
    }
}

/// A CIDR block. Blocks order by family, then address, then the length of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Block {
    is_v6: bool,
    /// The address, left-aligned, with zeros behind the prefix.
    bits: [u64; 2],
    prefix: u8,
}

/// The shortest prefixes that LW.BAN and LW.ALLOW take.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 19;

impl Block {
    pub(crate) const LOWEST: Self = Self { is_v6: false, bits: [0; 2], prefix: 0 };

    /// The block of `prefix` bits in which `ip` is, which is normalised.
    pub(crate) fn around(ip: IpAddr, prefix: u8) -> Self {
        let (is_v6, all) = match ip {
            IpAddr::V4(v4) => (false, u128::from(v4.to_bits()) << 96),
            IpAddr::V6(v6) => (true, v6.to_bits()),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
        let bits = all & mask;
        Self { is_v6, bits: [(bits >> 64) as u64, bits as u64], prefix }
    }

    /// The block of a network that [`Place::network`] has numbered.
    pub(crate) fn of_network(number: u64) -> Self {
        if number >> 63 == 1 {
            Self { is_v6: true, bits: [number << 16, 0], prefix: 48 }
        } else {
            Self { is_v6: false, bits: [number << 40, 0], prefix: 24 }
        }
    }

    /// Reads an address or a CIDR block as an operator gives it. IPv6 addresses are banned by their
    /// /64, as rules count them.
    pub(crate) fn read(text: &[u8]) -> Result<Self, &'static str> {
        let malformed = "is no IP address and no CIDR block, such as 203.0.113.0/24";
        let text = std::str::from_utf8(text).map_err(|_| malformed)?;
        if let Ok(ip) = text.parse() {
            let ip = normalised(ip);
            return Ok(Place::of(ip).block());
        }
        let net: IpNet = text.parse().map_err(|_| malformed)?;
        if net.prefix_len() < if net.addr().is_ipv4() { SHORTEST_V4 } else { SHORTEST_V6 } {
            return Err("is too large a block: the prefix must be at least /8, or /19 for IPv6");
        }
        match normalised(net.addr()) {
            IpAddr::V4(v4) if net.addr().is_ipv6() => {
                // A block inside the mapped or the NAT64 range.
                let prefix = net.prefix_len().checked_sub(96).filter(|prefix| *prefix >= SHORTEST_V4);
                prefix.map(|prefix| Self::around(v4.into(), prefix)).ok_or(malformed)
            }
            ip @ IpAddr::V4(_) => Ok(Self::around(ip, net.prefix_len())),
            ip @ IpAddr::V6(_) => Ok(Self::around(ip, net.prefix_len().min(64))),
        }
    }

    pub(crate) fn prefix(self) -> Prefix {
        Prefix { is_v6: self.is_v6, len: self.prefix }
    }

    /// The address if the block is one that counts on its own: an IPv4 address, an IPv6 /64 or /48.
    pub(crate) fn place(self) -> Option<Place> {
        let kind = match (self.is_v6, self.prefix) {
            (false, 32) => return Some(Place { kind: PlaceKind::V4, bits: self.bits[0] >> 32 }),
            (true, 64..) => PlaceKind::V6,
            (true, 48) => return Some(Place { kind: PlaceKind::Wide, bits: self.bits[0] >> 16 }),
            _ => return None,
        };
        Some(Place { kind, bits: self.bits[0] })
    }

    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        ip.is_ipv6() == self.is_v6 && Self::around(ip, self.prefix) == self
    }

    /// Whether all of `inner` is in the block.
    pub(crate) fn covers(self, inner: Self) -> bool {
        inner.prefix >= self.prefix && self.contains(inner.ip())
    }

    /// The first address, if the block is one that counts on its own.
    pub(crate) fn single(self) -> Option<IpAddr> {
        self.place().map(|_| self.ip())
    }

    pub(crate) fn is_sound(self) -> bool {
        let most = if self.is_v6 { 128 } else { 32 };
        self.prefix <= most && (1..).contains(&self.prefix) && Self::around(self.ip(), self.prefix) == self
    }

    fn ip(self) -> IpAddr {
        let all = u128::from(self.bits[0]) << 64 | u128::from(self.bits[1]);
        if self.is_v6 {
            Ipv6Addr::from_bits(all).into()
        } else {
            Ipv4Addr::from_bits((all >> 96) as u32).into()
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)?;
        let is_single = self.prefix == if self.is_v6 { 128 } else { 32 };
        if is_single { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// A family and a length of a prefix: which blocks a lookup has to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub is_v6: bool,
    pub len: u8,
}

/// `ip`, or the IPv4 address that it embeds.
pub(crate) fn normalised(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let nat64 = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(u32::from(high) << 16 | u32::from(low)),
        _ => None,
    };
    match v6.to_ipv4_mapped().or(nat64.map(Ipv4Addr::from_bits)) {
        Some(v4) => v4.into(),
        None => ip,
    }
}

/// Reads an address, normalised.
pub(crate) fn read(text: &[u8]) -> Result<IpAddr, &'static str> {
    let text = std::str::from_utf8(text).ok();
    let ip = text.and_then(|text| text.parse().ok());
    ip.map(normalised).ok_or("is not an IP address, such as 203.0.113.7 or 2001:db8::7")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn place(text: &str) -> Place {
        Place::of(read(text.as_bytes()).unwrap_or_else(|why| panic!("{text} {why}")))
    }

    #[test]
    fn addresses_that_embed_ipv4_count_as_that() {
        let v4 = place("203.0.113.7");
        assert_eq!(place("::ffff:203.0.113.7"), v4);
        assert_eq!(place("64:ff9b::203.0.113.7"), v4);
        assert_eq!(v4.to_string(), "203.0.113.7");
        assert_eq!(v4.network(), place("203.0.113.250").network());
        assert_ne!(v4.network(), place("203.0.114.7").network());
    }

    #[test]
    fn a_64_is_one_ipv6_address_and_a_48_one_network() {
        let (a, b) = (place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "2001:db8:1:2::/64");
        let wide = a.wide().unwrap_or_else(|| panic!("no /48"));
        assert_eq!(wide.to_string(), "2001:db8:1::/48");
        assert_eq!(wide, place("2001:db8:1:9::1").wide().unwrap_or(wide));
        assert_eq!(wide.network(), a.network());
        assert_eq!(place("1.2.3.4").wide(), None);
    }

    #[test]
    fn blocks_are_masked_and_bounded() {
        let read = |text: &str| Block::read(text.as_bytes());
        let shown = |text| read(text).map(|block| block.to_string());
        assert_eq!(shown("203.0.113.7/24"), Ok("203.0.113.0/24".into()));
        assert_eq!(shown("203.0.113.7"), Ok("203.0.113.7".into()));
        assert_eq!(shown("::ffff:203.0.113.7"), Ok("203.0.113.7".into()));
        assert_eq!(shown("::ffff:203.0.113.7/120"), Ok("203.0.113.0/24".into()));
        assert_eq!(shown("2001:db8::1/32"), Ok("2001:db8::/32".into()));
        for bad in ["10.0.0.0/7", "::/0", "2001::/18", "::ffff:0:0/96", "10.0.0.0/33", "x", "", "1.2.3"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let block = Block::read(b"203.0.113.0/24").unwrap_or_else(|why| panic!("{why}"));
        assert!(block.contains(IpAddr::from([203, 0, 113, 200])));
        assert!(!block.contains(IpAddr::from([203, 0, 114, 200])));
    }

    #[test]
    fn every_place_is_the_place_of_its_block() {
        for text in ["203.0.113.7", "2001:db8:1:2::1"] {
            let place = place(text);
            assert_eq!(place.block().place(), Some(place));
            assert!(place.is_sound() && place.block().is_sound());
            if let Some(wide) = place.wide() {
                assert_eq!(wide.block().place(), Some(wide));
                assert!(wide.is_sound() && wide.block().is_sound());
            }
        }
    }
}
