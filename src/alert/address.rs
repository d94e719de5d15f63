//! Which addresses may be dialled: the guard against server-side request forgery.
//!
//! A user who sets the URL of a webhook, or owns the zone of its name, must not reach through the
//! server what only the server can reach. So the dialled address is checked, not the name, and an
//! IPv6 address that embeds an IPv4 address is checked as that one. The ranges are those of the
//! IANA special-purpose address registries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forbidden {
    ip: IpAddr,
    ground: Ground,
}

/// The purpose of an address that is not an ordinary public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    /// Never dialled.
    Never(&'static str),
    /// Dialled with `lockwatch.webhook-allow-private yes`.
    Private(&'static str),
}

use Ground::{Never, Private};

/// Public addresses are always allowed; private, shared and loopback ones only if `allow_private`.
pub(crate) fn check(ip: IpAddr, allow_private: bool) -> Result<(), Forbidden> {
    let ground = match ip {
        IpAddr::V4(v4) => ground_v4(v4),
        IpAddr::V6(v6) => ground_v6(v6),
    };
    match ground {
        None => Ok(()),
        Some(Private(_)) if allow_private => Ok(()),
        Some(ground) => Err(Forbidden { ip, ground }),
    }
}

fn ground_v4(ip: Ipv4Addr) -> Option<Ground> {
    Some(match ip.octets() {
        // Alibaba Cloud, Azure. Those of other clouds are link-local.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Never("metadata"),
        [0, ..] => Never("unspecified"),
        [169, 254, ..] => Never("link-local"),
        [224..=239, ..] => Never("multicast"),
        [255, 255, 255, 255] => Never("broadcast"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Never("documentation"),
        [198, 18..=19, ..] => Never("benchmarking"),
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Never("reserved"),
        [127, ..] => Private("loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Private("private"),
        [100, 64..=127, ..] => Private("shared"),
        _ => return None,
    })
}

fn ground_v6(ip: Ipv6Addr) -> Option<Ground> {
    if ip.is_unspecified() {
        return Some(Never("unspecified"));
    }
    if ip.is_loopback() {
        return Some(Private("loopback"));
    }
    let embedded = embedded_v4(&ip.octets());
    if !embedded.is_empty() {
        return strictest(&embedded);
    }
    Some(match ip.segments() {
        // Amazon, Google, Scaleway.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254]
        | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254]
        | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x42] => Never("metadata"),
        [0xfe80..=0xfebf, ..] => Never("link-local"),
        [0xff00..=0xffff, ..] => Never("multicast"),
        [0x2001, 0, ..] => Never("Teredo"),
        [0x2001, 2, 0, ..] => Never("benchmarking"),
        [0x2001, 0..=0x1ff, ..] => Never("reserved"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Never("documentation"),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Private("private"),
        // All public unicast addresses.
        [0x2000..=0x3fff, ..] => return None,
        _ => Never("reserved"),
    })
}

/// The IPv4 addresses that an IPv6 address may embed; none for an ordinary one.
fn embedded_v4(octets: &[u8; 16]) -> Vec<Ipv4Addr> {
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    let last = at([12, 13, 14, 15]);
    match octets {
        // IPv4-compatible; IPv4-mapped; IPv4-translated (RFC 2765); NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..]
        | [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, ..]
        | [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..] => vec![last],
        // NAT64 for local use (RFC 8215): the prefix has 48, 56, 64 or 96 bits, and the address
        // does not say which.
        [0, 0x64, 0xff, 0x9b, 0, 1, ..] => {
            let forms = [at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last];
            let likely: Vec<_> = forms.into_iter().filter(|form| form.octets()[0] != 0).collect();
            if likely.is_empty() { vec![last] } else { likely }
        }
        // 6to4 (RFC 3056).
        [0x20, 0x02, ..] => vec![at([2, 3, 4, 5])],
        _ => vec![],
    }
}

fn strictest(forms: &[Ipv4Addr]) -> Option<Ground> {
    let grounds = || forms.iter().filter_map(|&form| ground_v4(form));
    grounds().find(|ground| matches!(ground, Never(_))).or_else(|| grounds().next())
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = self.ip;
        match self.ground {
            Never(kind) => write!(f, "{ip} is a {kind} address, which is never dialled"),
            Private(kind) => {
                write!(f, "{ip} is a {kind} address, dialled only with lockwatch.webhook-allow-private yes")
            }
        }
    }
}

impl std::error::Error for Forbidden {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(ip: IpAddr) -> (bool, bool) {
        (check(ip, false).is_ok(), check(ip, true).is_ok())
    }

    fn verdict_of(ip: &str) -> (bool, bool) {
        verdict(ip.parse().unwrap_or_else(|_| panic!("{ip}")))
    }

    const PUBLIC: (bool, bool) = (true, true);
    const PRIVATE: (bool, bool) = (false, true);
    const NEVER: (bool, bool) = (false, false);

    #[test]
    fn public_addresses_are_dialled() {
        for ip in ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"] {
            assert_eq!(verdict_of(ip), PUBLIC, "{ip}");
        }
        for ip in ["2606:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert_eq!(verdict_of(ip), PUBLIC, "{ip}");
        }
        assert_eq!(verdict_of("64:ff9b:1::8.8.8.8"), PUBLIC);
        assert_eq!(verdict_of("2002:808:808::1"), PUBLIC);
    }

    #[test]
    fn private_shared_and_loopback_addresses_need_the_directive() {
        for ip in ["127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"]
        {
            assert_eq!(verdict_of(ip), PRIVATE, "{ip}");
        }
        for ip in ["100.64.0.1", "::1", "fc00::1", "fdff::1", "fec0::1", "::ffff:127.0.0.1", "::127.0.0.1"] {
            assert_eq!(verdict_of(ip), PRIVATE, "{ip}");
        }
        for ip in ["64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1", "2002:a00:1::", "::ffff:0:192.168.1.1"] {
            assert_eq!(verdict_of(ip), PRIVATE, "{ip}");
        }
        // 10.0.0.1 behind a local-use prefix of 48 bits.
        assert_eq!(verdict_of("64:ff9b:1:a00:0:100::"), PRIVATE);
    }

    #[test]
    fn what_is_no_receiver_is_never_dialled() {
        for ip in ["0.0.0.0", "0.1.2.3", "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192"]
        {
            assert_eq!(verdict_of(ip), NEVER, "{ip}");
        }
        for ip in ["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"]
        {
            assert_eq!(verdict_of(ip), NEVER, "{ip}");
        }
        for ip in ["::", "fe80::1", "febf::1", "ff02::1", "2001::1", "2001:db8::1", "3fff::1", "100::1"] {
            assert_eq!(verdict_of(ip), NEVER, "{ip}");
        }
        for ip in ["fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254", "::a9fe:a9fe", "::2"] {
            assert_eq!(verdict_of(ip), NEVER, "{ip}");
        }
        for ip in ["64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::"] {
            assert_eq!(verdict_of(ip), NEVER, "{ip}");
        }
        // 169.254.169.254 behind a local-use prefix of 48 bits.
        assert_eq!(verdict_of("64:ff9b:1:a9fe:a9:fe00::"), NEVER);
        assert_eq!(verdict_of("64:ff9b:1::"), NEVER);
    }

    #[test]
    fn the_refusal_names_the_directive_where_it_would_help() {
        let text = |ip: &str| check(ip.parse().unwrap(), false).unwrap_err().to_string();
        assert!(text("::ffff:10.0.0.1").contains("lockwatch.webhook-allow-private"));
        assert!(!text("169.254.169.254").contains("allow-private"));
        assert!(text("fe80::1").contains("link-local"));
    }

    proptest! {
        #[test]
        fn every_disguise_of_an_address_is_judged_as_that_address(v4: Ipv4Addr, tail: u64) {
            let plain = verdict(v4.into());
            let bits = u128::from(u32::from(v4));
            let tail = u128::from(tail);
            prop_assert_eq!(verdict(v4.to_ipv6_mapped().into()), plain);
            prop_assert_eq!(verdict(Ipv6Addr::from((0x64_ff9b_u128 << 96) | bits).into()), plain);
            prop_assert_eq!(verdict(Ipv6Addr::from((0xffff_u128 << 48) | bits).into()), plain);
            prop_assert_eq!(verdict(Ipv6Addr::from((0x2002_u128 << 112) | (bits << 80) | tail).into()), plain);
            if bits > 1 {
                prop_assert_eq!(verdict(Ipv6Addr::from(bits).into()), plain);
            }
        }

        #[test]
        fn local_nat64_is_never_laxer_than_any_form_of_it(v4: Ipv4Addr, low: u32) {
            prop_assume!(v4.octets()[0] != 0);
            let [a, b, c, d] = v4.octets().map(u16::from);
            let [_, _, low_high, low_low] = low.to_be_bytes().map(u16::from);
            let last = [0x100 * low_high, low_low];
            let by_48 = Ipv6Addr::new(0x64, 0xff9b, 1, a << 8 | b, c, d << 8, last[0], last[1]);
            let (bare, allowed) = verdict(v4.into());
            let (bare_48, allowed_48) = verdict(by_48.into());
            prop_assert!(bare >= bare_48 && allowed >= allowed_48);
        }

        #[test]
        fn what_std_knows_to_be_special_is_refused(v4: Ipv4Addr, v6: Ipv6Addr) {
            if v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation() {
                prop_assert_eq!(verdict(v4.into()), NEVER);
            }
            if v4.is_private() || v4.is_loopback() {
                prop_assert_eq!(verdict(v4.into()), PRIVATE);
            }
            if v6.is_unicast_link_local() || v6.is_multicast() {
                prop_assert_eq!(verdict(v6.into()), NEVER);
            }
        }

        #[test]
        fn the_directive_only_ever_allows_more(v4: Ipv4Addr, v6: Ipv6Addr) {
            for ip in [IpAddr::from(v4), IpAddr::from(v6)] {
                let (bare, allowed) = verdict(ip);
                prop_assert!(allowed || !bare);
            }
        }
    }
}
