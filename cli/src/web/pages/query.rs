//! Queries of URLs whose values are bytes, because keys of Redis are.

use std::convert::Infallible;
use std::fmt::Write;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::text::{printable, unprintable};

/// The names and values of a query, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query(Vec<(String, Vec<u8>)>);

impl Query {
    pub fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let named = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (String::from_utf8_lossy(&decoded(name)).into_owned(), decoded(value))
        });
        Self(named.collect())
    }

    /// A value; empty if it is missing.
    pub fn bytes(&self, name: &str) -> &[u8] {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice()).unwrap_or_default()
    }

    /// A value without blanks around it, for what people type. Invalid UTF-8 is replaced.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name)).trim().to_owned()
    }

    /// The name of a key, as pages write it: see [`printable`].
    pub fn key(&self, name: &str) -> Vec<u8> {
        unprintable(&String::from_utf8_lossy(self.bytes(name)))
    }

    pub fn has(&self, name: &str) -> bool {
        !self.bytes(name).is_empty()
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// Undoes the encoding of `application/x-www-form-urlencoded`.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = behind.get(..2).filter(|_| *first == b'%').and_then(hex);
        out.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    out
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
}

/// A value of a query in a field of a form: as it is, so that it can be sent again. What would be
/// invisible is written as an escape.
pub fn field(value: impl AsRef<[u8]>) -> String {
    let shown = printable(value.as_ref());
    match std::str::from_utf8(value.as_ref()) {
        Ok(text) if shown.replace("\\\\", "\\") == text => text.to_owned(),
        _ => shown,
    }
}

/// `path` with a query of these names and values. Empty values are left out.
pub fn link(path: &str, values: &[(&str, &[u8])]) -> String {
    let mut out = String::from(path);
    let mut before = '?';
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(before);
        out.push_str(name);
        out.push('=');
        value.iter().for_each(|byte| encode(&mut out, *byte));
        before = '&';
    }
    out
}

fn encode(out: &mut String, byte: u8) {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'@' => {
            out.push(char::from(byte));
        }
        _ => _ = write!(out, "%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_pass_a_link() {
        let all: Vec<u8> = (0..=255).collect();
        let url = link("/key", &[("db", b"0"), ("empty", b""), ("key", &all)]);
        let (path, query) = url.split_once('?').unwrap();
        let query = Query::parse(query);
        assert_eq!((path, query.bytes("key"), query.bytes("db")), ("/key", all.as_slice(), &b"0"[..]));
        assert!(!query.has("empty") && url.is_ascii());
    }

    #[test]
    fn names_of_keys_and_fields_of_forms_can_be_sent_again() {
        let name = b"a\\n\n\xff\0";
        let url = link("/bans", &[("guard", printable(name).as_bytes())]);
        assert_eq!(Query::parse(url.split_once('?').unwrap().1).key("guard"), name);
        assert_eq!(field("CORP\\nick"), "CORP\\nick");
        assert_eq!(field("a\u{202e}b\n"), "a\\u{202e}b\\n");
    }

    #[test]
    fn malformed_queries_are_read_as_they_are() {
        let query = Query::parse("a=%zz%4&b&&c=+x+&a=second&d=%ff");
        assert_eq!((query.bytes("a"), query.text("c")), (&b"%zz%4"[..], "x".to_owned()));
        assert_eq!(query.text("d"), "\u{fffd}");
        assert!(!query.has("b"));
    }
}
