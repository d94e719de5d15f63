//! Replies of the module's commands. Records are maps in RESP3, which the program asks for, and
//! flat arrays of fields and values where a server only speaks RESP2.

use std::collections::BTreeMap;

use redis::Value;

/// A record of named values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(BTreeMap<String, Value>);

impl Record {
    /// `None` if `value` is neither a map nor a flat array of fields and values.
    pub fn of(value: &Value) -> Option<Self> {
        let fields: Vec<(&Value, &Value)> = match value {
            Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
            Value::Array(flat) if flat.len() % 2 == 0 => {
                flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect()
            }
            _ => return None,
        };
        let named = fields.into_iter().map(|(name, value)| Some((text(name)?, value.clone())));
        named.collect::<Option<_>>().map(Self)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| **value != Value::Nil)
    }

    /// The bytes of a text field; `None` if it is missing, nil or no text.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        bytes(self.get(name)?)
    }

    /// The text of a field, with invalid UTF-8 replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.get(name)?)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        int(self.get(name)?)
    }

    /// A field that is itself a record.
    pub fn record(&self, name: &str) -> Option<Self> {
        Self::of(self.get(name)?)
    }

    /// A field that is a list of records; empty if it is missing.
    pub fn records(&self, name: &str) -> Vec<Self> {
        self.get(name).map(records).unwrap_or_default()
    }

    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// The records of a list. What is no record is left out.
pub fn records(value: &Value) -> Vec<Record> {
    items(value).iter().filter_map(Record::of).collect()
}

/// The values of an array or a set; empty for another value.
pub fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

pub fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        Value::Okay => Some(b"OK"),
        _ => None,
    }
}

pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        _ => bytes(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
    }
}

pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => std::str::from_utf8(bytes(value)?).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn a_record_reads_the_same_from_resp2_and_resp3() {
        let map = Value::Map(vec![(bulk("key"), bulk("a")), (bulk("denied"), Value::Int(3))]);
        let flat = Value::Array(vec![bulk("key"), bulk("a"), bulk("denied"), bulk("3")]);
        for value in [map, flat] {
            let record = Record::of(&value).unwrap();
            assert_eq!((record.text("key"), record.int("denied")), (Some("a".into()), Some(3)));
            assert_eq!(record.get("missing"), None);
        }
        for no_record in [Value::Nil, Value::Int(1), Value::Array(vec![bulk("odd")])] {
            assert_eq!(Record::of(&no_record), None);
        }
    }
}
