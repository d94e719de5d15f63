//! Parses JSON that has only one reading: no duplicate member at any depth or in any spelling, no
//! lone surrogate, no number beyond a double. Parsers disagree about those, so one could check what
//! another does not see (RFC 8725, section 2.4; RFC 7493).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::text::json::{self, NotJson};

/// The longest CLAIMS, in bytes.
pub(crate) const CLAIMS: usize = 4096;
/// The longest META, in bytes.
pub(crate) const META: usize = 1024;
/// The deepest nesting of arrays and objects in CLAIMS and META.
pub(crate) const DEPTH: usize = 32;

/// A value. Nested values are checked but not kept, except in arrays.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    List(Vec<Value<'a>>),
    Object,
    /// `null`, `true` or `false`.
    Other,
}

/// The members of an object, in order.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub Vec<(Cow<'a, str>, Value<'a>)>);

/// Reads `json` if it is an object with only one reading.
pub(crate) fn members(json: &[u8]) -> Option<Members<'_>> {
    serde_json::from_slice(json).ok()
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Top;
        impl<'de> Visitor<'de> for Top {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                each_member(map, |name, value| members.push((name, value)))?;
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Top)
    }
}

/// Up to this many members a linear search for duplicates is faster than a hash table.
const FEW: usize = 16;

fn each_member<'de, A: MapAccess<'de>>(
    mut map: A,
    mut take: impl FnMut(Cow<'de, str>, Value<'de>),
) -> Result<(), A::Error> {
    let mut few: Vec<Cow<'de, str>> = Vec::new();
    let mut many: HashSet<Cow<'de, str>> = HashSet::new();
    while let Some(Text(name)) = map.next_key()? {
        let is_new = if few.len() < FEW {
            let is_new = !few.contains(&name);
            few.push(name.clone());
            is_new
        } else {
            !few.contains(&name) && many.insert(name.clone())
        };
        if !is_new {
            return Err(A::Error::custom("a member stands twice"));
        }
        take(name, map.next_value()?);
    }
    Ok(())
}

/// Borrowed unless it contains an escape.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Whole)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Value::Other)
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Value::Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Value::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Value::Number(number))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                each_member(map, |_, _| {})?;
                Ok(Value::Object)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The claims that only the module may set.
pub(crate) const OWNED: [&str; 8] = ["iss", "sub", "aud", "iat", "exp", "nbf", "jti", "sid"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not JSON, too long or too deep.
    NotJson(NotJson),
    NotAnObject,
    /// JSON with more than one reading.
    Ambiguous,
    /// Sets a claim of [`OWNED`].
    Owned(&'static str),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => why.fmt(f),
            Self::NotAnObject => f.write_str("is not a JSON object"),
            Self::Ambiguous => f.write_str(
                "has a member twice, half of a surrogate pair or a number out of range, which parsers read differently",
            ),
            Self::Owned(name) => write!(f, "sets {name}, which is lockwatch's own"),
        }
    }
}

/// The members of CLAIMS without the enclosing braces.
pub(crate) fn claims(json: &[u8]) -> Result<&str, Unusable> {
    let text = json::check(json, CLAIMS, DEPTH).map_err(Unusable::NotJson)?;
    own_claims(text)
}

/// Like [`claims`], for text whose syntax was checked before.
pub(crate) fn own_claims(text: &str) -> Result<&str, Unusable> {
    let inner =
        text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or(Unusable::NotAnObject)?;
    let members = members(text.as_bytes()).ok_or(Unusable::Ambiguous)?;
    match OWNED.iter().find(|owned| members.0.iter().any(|(name, _)| name == *owned)) {
        Some(owned) => Err(Unusable::Owned(owned)),
        None => Ok(inner.trim_ascii()),
    }
}

pub(crate) fn meta(json: &[u8]) -> Result<&str, Unusable> {
    let text = json::check(json, META, DEPTH).map_err(Unusable::NotJson)?;
    serde_json::from_str::<Value<'_>>(text).map_err(|_| Unusable::Ambiguous)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn claims_are_an_object_without_two_readings() {
        for (json, inner) in [
            ("{}", ""),
            (r#" {"role":"admin"} "#, r#""role":"admin""#),
            (r#"{ "a":{"b":[1,{"c":null}]} }"#, r#""a":{"b":[1,{"c":null}]}"#),
            (r#"{"exp ":1}"#, r#""exp ":1"#),
        ] {
            assert_eq!(claims(json.as_bytes()), Ok(inner), "{json}");
        }
        for (json, why) in [
            ("[]", Unusable::NotAnObject),
            ("1", Unusable::NotAnObject),
            (r#""{}""#, Unusable::NotAnObject),
            (r#"{"a":1,"a":1}"#, Unusable::Ambiguous),
            (r#"{"a":1,"\u0061":1}"#, Unusable::Ambiguous),
            (r#"{"a":{"b":1,"b":2}}"#, Unusable::Ambiguous),
            (r#"{"a":[{"b":1,"b":2}]}"#, Unusable::Ambiguous),
            (r#"{"a":"\ud800"}"#, Unusable::Ambiguous),
            (r#"{"a":1e400}"#, Unusable::Ambiguous),
            (r#"{"sub":"x"}"#, Unusable::Owned("sub")),
            (r#"{"\u0073ub":"x"}"#, Unusable::Owned("sub")),
            (r#"{"nbf":0}"#, Unusable::Owned("nbf")),
        ] {
            assert_eq!(claims(json.as_bytes()), Err(why), "{json}");
        }
        for json in
            [&b"{"[..], b"", b"{\"a\":1}x", b"{\"a\":\xff}", b"{\"a\":\"\0\"}", b"{'a':1}", b"{\"a\":01}"]
        {
            assert!(matches!(claims(json), Err(Unusable::NotJson(_))), "{}", json.escape_ascii());
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        assert_eq!(claims(deep.as_bytes()), Err(Unusable::NotJson(NotJson::TooDeep(DEPTH))));
        let many: Vec<_> = (0..300).map(|n| format!("\"{n}\":0")).collect();
        assert!(claims(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        assert_eq!(claims(format!("{{{},\"299\":1}}", many.join(",")).as_bytes()), Err(Unusable::Ambiguous));
    }

    proptest! {
        #[test]
        fn any_bytes_are_claims_or_not(bytes: Vec<u8>, text in r#"[{}\[\]",:a\\u0-9 ]{0,40}"#) {
            for json in [&bytes[..], text.as_bytes()] {
                if let Ok(inner) = claims(json) {
                    let again = format!("{{{inner}}}");
                    prop_assert_eq!(claims(again.as_bytes()), Ok(inner));
                }
                let _ = meta(json);
            }
        }
    }
}
