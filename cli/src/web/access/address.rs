//! From where a visitor comes.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

/// The address of the connection's other end. The server puts one into the extensions of every
/// request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The visitor's address: that of the connection, or the one that the proxy says it asks for. A
/// proxy appends it to `X-Forwarded-For`. What stands before it comes from the visitor.
pub fn visitor(peer: Peer, headers: &HeaderMap, proxied: bool) -> IpAddr {
    let forwarded = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        let last = last.rsplit(',').next()?.trim();
        // Some proxies add the port.
        last.parse().or_else(|_| last.parse().map(|place: SocketAddr| place.ip())).ok()
    };
    let address = if proxied { forwarded().unwrap_or(peer.0) } else { peer.0 };
    address.to_canonical()
}

/// The network that one visitor has: of IPv6 a /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_believed_about_the_last_address_only() {
        let peer = Peer("10.0.0.1".parse().unwrap());
        let seen = |proxied: bool, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| _ = headers.append("x-forwarded-for", line.parse().unwrap()));
            visitor(peer, &headers, proxied).to_string()
        };
        assert_eq!(seen(false, &["203.0.113.9"]), "10.0.0.1");
        assert_eq!(seen(true, &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen(true, &["198.51.100.1", "::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen(true, &["198.51.100.1, 203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(seen(true, &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(seen(true, &["unknown"]), "10.0.0.1");
        assert_eq!(seen(true, &[]), "10.0.0.1");
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(
            (of("2001:db8:1:2:3:4:5:6"), of("203.0.113.9")),
            ("2001:db8:1:2::".into(), "203.0.113.9".into())
        );
    }
}
