//! The networks of which no address is banned by a rule.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::text::network::network;
use crate::text::quoted::Quoted;

/// The most networks. Each event of an address is compared with all of them.
const MOST_NETWORKS: usize = 256;

/// Masks with the addresses of the networks, by family: every outcome is compared with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NeverBan {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl NeverBan {
    /// Reads networks and addresses that blanks separate.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let read = |word| {
            network(word).map(without_mapping).ok_or_else(|| {
                format!("{} is no network (10.0.0.0/8) or address; blanks separate networks", Quoted(word))
            })
        };
        let networks = words.map(read).collect::<Result<Box<[_]>, _>>()?;
        if networks.len() > MOST_NETWORKS {
            return Err(format!("there are more than {MOST_NETWORKS} networks"));
        }
        let v4 = networks.iter().filter_map(|network| match network {
            IpNet::V4(v4) => Some((v4.netmask().to_bits(), v4.network().to_bits())),
            IpNet::V6(_) => None,
        });
        let v6 = networks.iter().filter_map(|network| match network {
            IpNet::V4(_) => None,
            IpNet::V6(v6) => Some((v6.netmask().to_bits(), v6.network().to_bits())),
        });
        Ok(Self { v4: v4.collect(), v6: v6.collect() })
    }

    /// Whether `address` is in one of the networks. IPv4-mapped IPv6 addresses must have been
    /// converted to IPv4.
    #[inline]
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4.iter().any(|(mask, network)| v4.to_bits() & mask == *network),
            IpAddr::V6(v6) => self.v6.iter().any(|(mask, network)| v6.to_bits() & mask == *network),
        }
    }
}

/// A network of IPv4-mapped IPv6 addresses as the IPv4 network that it is.
fn without_mapping(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let v4 = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    v4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, address: &str) -> bool {
        NeverBan::parse(text.as_bytes()).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn networks_and_addresses_hold_their_addresses() {
        for (text, address, held) in [
            ("10.0.0.0/8 ::1/128", "10.255.0.1", true),
            ("10.0.0.0/8\t\n::1", "::1", true),
            ("10.0.0.0/8 ::1/128", "::2", false),
            ("10.9.8.7/8", "10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("", "127.0.0.1", false),
        ] {
            assert_eq!(holds(text, address), held, "{address} in {text:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_word() {
        for word in ["10.0.0.0/33", "10.0.0/8", "::1/129", "10.0.0.0/8,::1", "host", "10.0.0.0/", "\u{e4}"] {
            let why = NeverBan::parse(format!("::1 {word}").as_bytes()).expect_err(word);
            assert!(why.starts_with(&Quoted(word.as_bytes()).to_string()), "{why}");
        }
        assert!(NeverBan::parse("::1 ".repeat(256).as_bytes()).is_ok());
        assert!(NeverBan::parse("::1 ".repeat(257).as_bytes()).is_err());
    }
}
