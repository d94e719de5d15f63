//! SQLSTATE: the code of five characters with which Postgres says what is wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SqlState([u8; 5]);

impl SqlState {
    pub(crate) const RAISE_EXCEPTION: Self = Self(*b"P0001");
    pub(crate) const UNDEFINED_TABLE: Self = Self(*b"42P01");
    pub(crate) const DUPLICATE_TABLE: Self = Self(*b"42P07");
    /// A partition that overlaps another.
    pub(crate) const INVALID_OBJECT_DEFINITION: Self = Self(*b"42P17");

    /// A code of another length, which Postgres never sends, becomes `?????`.
    pub(crate) fn of(code: &str) -> Self {
        Self(code.as_bytes().try_into().unwrap_or(*b"?????"))
    }

    /// The first two characters.
    pub(crate) fn class(&self) -> &[u8] {
        &self.0[..2]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may come from a damaged file.
        self.0.escape_ascii().fmt(f)
    }
}
