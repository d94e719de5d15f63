//! Who a subject is: a user or an address.

use ipnet::IpNet;

use crate::facts::why;
use crate::quote::quoted;
use crate::text::printable;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    User(Vec<u8>),
    Address(IpNet),
}

/// The module cuts longer names, and marks that with `…`.
const CUT_AT: usize = 256;

impl Name {
    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::User(user) => printable(user),
            Self::Address(block) => address(block),
        }
    }

    pub(super) fn sort(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Address(_) => "ip",
        }
    }

    /// The bytes of the name.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::User(user) => user.clone(),
            Self::Address(block) => address(block).into_bytes(),
        }
    }

    /// How LW.WHY is asked about it.
    pub(super) fn as_subject(&self) -> why::Subject {
        match self {
            Self::User(user) => why::Subject::User(user.clone()),
            Self::Address(block) => why::Subject::Ip(address(block)),
        }
    }

    /// The line for redis-cli that ends the sessions of a user, also if somebody else has one of
    /// them. `None` if the log has only the beginning of the name.
    pub(super) fn revoke(&self, store: &str) -> Option<String> {
        Some(format!("LW.REVOKE {} SUBJECT {}", quoted(store.as_bytes()), quoted(&self.whole()?)))
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let bytes = self.bytes();
        let is_cut = bytes.len() >= CUT_AT && bytes.ends_with("…".as_bytes());
        (!is_cut).then_some(bytes)
    }

    /// The line for redis-cli that bans it, with words of ours as the reason. `None` if the log has
    /// only the beginning of the name.
    pub(super) fn ban(&self, guard: &str, reason: &str) -> Option<String> {
        let bytes = self.whole()?;
        let guard = quoted(guard.as_bytes());
        let option = self.sort().to_uppercase();
        let reason = quoted(format!("hunt: {reason}").as_bytes());
        Some(format!("LW.BAN {guard} {option} {} FOR 1d REASON {reason}", quoted(&bytes)))
    }
}

/// A single IPv4 address without its prefix length.
fn address(block: &IpNet) -> String {
    match block {
        IpNet::V4(v4) if v4.prefix_len() == 32 => v4.addr().to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_names_the_subject_as_the_module_does() {
        let address = |text: &str| Name::Address(text.parse().unwrap());
        for (name, line) in [
            (address("203.0.113.9/32"), "LW.BAN login IP 203.0.113.9 FOR 1d REASON \"hunt: x, y\""),
            (address("2001:db8::/64"), "LW.BAN login IP 2001:db8::/64 FOR 1d REASON \"hunt: x, y\""),
            (Name::User(b"a b\xff".to_vec()), "LW.BAN login USER \"a b\\xff\" FOR 1d REASON \"hunt: x, y\""),
        ] {
            assert_eq!(name.ban("login", "x, y").as_deref(), Some(line));
        }
        let cut = Name::User([&[b'x'; 256][..], "…".as_bytes()].concat());
        assert_eq!(cut.ban("login", "x"), None);
        assert_eq!(cut.revoke("auth"), None);
        let revoke = Name::User(b"a b\xff".to_vec()).revoke("auth");
        assert_eq!(revoke.as_deref(), Some("LW.REVOKE auth SUBJECT \"a b\\xff\""));
        assert!(Name::User("…".into()).ban("login", "x").is_some());
    }
}
