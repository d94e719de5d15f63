//! Networks and addresses in arguments and directives.

use std::net::IpAddr;

use ipnet::IpNet;

use super::number;

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
