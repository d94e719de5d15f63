//! Parser of RESP2 and RESP3 replies.

use std::io::{self, BufRead, Error, ErrorKind};

/// A reply. An error is a value, too.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `$-1`, `*-1` or `_`.
    Nil,
    /// `:1`
    Int(i64),
    /// `+OK`
    Simple(String),
    /// `-ERR …`, without the `-`, up to CRLF.
    Error(String),
    /// `$…`, and RESP3's verbatim string.
    Bulk(Vec<u8>),
    /// `*…`
    Array(Vec<Value>),
    /// RESP3's `%…`
    Map(Vec<(Value, Value)>),
    /// RESP3's `~…`
    Set(Vec<Value>),
    /// RESP3's `>…`: a push message such as those of CLIENT TRACKING.
    Push(Vec<Value>),
    /// RESP3's `#t`
    Bool(bool),
    /// RESP3's `,1.5` and `(123`, as text.
    Number(String),
}

impl Value {
    pub fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let line = read_line(from)?;
        let Some((kind, rest)) = line.split_first() else { return Err(broken(&line)) };
        let text = || String::from_utf8_lossy(rest).into_owned();
        let number = || text().parse::<i64>().map_err(|_| broken(&line));
        Ok(match kind {
            b'+' => Self::Simple(text()),
            b'-' => Self::Error(text()),
            b':' => Self::Int(number()?),
            b'_' => Self::Nil,
            b'#' => Self::Bool(rest == b"t"),
            b',' | b'(' => Self::Number(text()),
            b'$' => read_bulk(from, number()?)?,
            b'=' => match read_bulk(from, number()?)? {
                Self::Bulk(bytes) => Self::Bulk(bytes[4..].to_vec()),
                other => other,
            },
            b'!' => match read_bulk(from, number()?)? {
                Self::Bulk(bytes) => Self::Error(String::from_utf8_lossy(&bytes).into_owned()),
                other => other,
            },
            b'*' if number()? < 0 => Self::Nil,
            b'*' => Self::Array(read_many(from, number()?)?),
            b'~' => Self::Set(read_many(from, number()?)?),
            b'>' => Self::Push(read_many(from, number()?)?),
            b'%' => {
                let flat = read_many(from, 2 * number()?)?;
                Self::Map(flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            _ => return Err(broken(&line)),
        })
    }

    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    #[track_caller]
    pub fn ints(&self) -> Vec<i64> {
        self.items().iter().map(Value::int).collect()
    }

    #[track_caller]
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }

    /// The text of a simple or bulk string. Invalid UTF-8 is replaced.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("not a string: {other:?}"),
        }
    }

    #[track_caller]
    pub fn texts(&self) -> Vec<String> {
        self.items().iter().map(Value::text).collect()
    }

    #[track_caller]
    pub fn error(&self) -> &str {
        match self {
            Self::Error(message) => message,
            other => panic!("not an error: {other:?}"),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// The value of `name` in a map, or in a flat array of names and values.
    #[track_caller]
    pub fn field(&self, name: &str) -> &Value {
        self.field_if_any(name).unwrap_or_else(|| panic!("no {name:?} in {self:?}"))
    }

    /// Like [`Value::field`], but returns `None` if there is no such name.
    pub fn field_if_any(&self, name: &str) -> Option<&Value> {
        let is_name = |key: &Value| match key {
            Self::Simple(text) => text == name,
            Self::Bulk(bytes) => bytes == name.as_bytes(),
            _ => false,
        };
        match self {
            Self::Map(pairs) => pairs.iter().find(|(key, _)| is_name(key)).map(|(_, value)| value),
            Self::Array(flat) => flat.chunks_exact(2).find(|pair| is_name(&pair[0])).map(|pair| &pair[1]),
            _ => None,
        }
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    // Lines end with CRLF. A lone newline inside an error is a bug, so it stays in the message for
    // tests to find.
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        if from.read_until(b'\n', &mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    line.truncate(line.len() - 2);
    Ok(line)
}

fn read_bulk(from: &mut impl BufRead, len: i64) -> io::Result<Value> {
    let Ok(len) = usize::try_from(len) else { return Ok(Value::Nil) };
    let mut bytes = vec![0; len + 2];
    from.read_exact(&mut bytes)?;
    bytes.truncate(len);
    Ok(Value::Bulk(bytes))
}

fn read_many(from: &mut impl BufRead, count: i64) -> io::Result<Vec<Value>> {
    (0..count).map(|_| Value::read(from)).collect()
}

fn broken(line: &[u8]) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not RESP: {:?}", String::from_utf8_lossy(line)))
}
