//! Parts of an HTTP request that several commands take.

use std::net::IpAddr;

/// The longest method in bytes. The longest registered one has seventeen.
pub(crate) const METHOD: usize = 32;

/// Reads an IPv4 or IPv6 address without port, brackets or zone.
pub(crate) fn address(text: &[u8]) -> Result<IpAddr, &'static str> {
    let address = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    address.ok_or("is not an IPv4 or IPv6 address")
}

/// Reads a token (RFC 9110, section 5.6.2) of at most [`METHOD`] bytes.
pub(crate) fn method(text: &[u8]) -> Result<&str, String> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let fits = (1..=METHOD).contains(&text.len()) && text.iter().all(is_token);
    let method = std::str::from_utf8(text).ok().filter(|_| fits);
    method.ok_or_else(|| format!("is not an HTTP token of 1 to {METHOD} characters"))
}

#[cfg(test)]
mod tests {
    use super::{address, method};

    #[test]
    fn a_method_is_a_token() {
        for text in ["GET", "post", "M-SEARCH", "X!#$%&'*+-.^_`|~9", &"A".repeat(32)] {
            assert_eq!(method(text.as_bytes()).as_deref(), Ok(text));
        }
        for text in ["", "GET /", "a b", "GET\0", "(x)", "é", &"A".repeat(33)] {
            assert!(method(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_of_either_version_and_nothing_more() {
        for text in ["192.0.2.1", "::1", "2001:db8::8:800:200c:417a", "::ffff:192.0.2.1"] {
            assert!(address(text.as_bytes()).is_ok(), "{text}");
        }
        for text in
            ["", "192.0.2", "192.0.2.256", "192.0.2.01", "[::1]", "::1%eth0", "10.0.0.0/8", "::1\0", "a"]
        {
            assert!(address(text.as_bytes()).is_err(), "{text}");
        }
    }
}
