//! SQLSTATE: the code of five characters with which Postgres says what is wrong (PostgreSQL
//! documentation, appendix A), and what it means in our own words.
//!
//! INFO, logs, errors and alerts contain these words and never a message of Postgres, which may
//! name roles, databases and hosts, or quote data.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SqlState([u8; 5]);

impl SqlState {
    pub(crate) const CHECK_VIOLATION: Self = Self(*b"23514");
    pub(crate) const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    pub(crate) const UNDEFINED_TABLE: Self = Self(*b"42P01");
    pub(crate) const DUPLICATE_TABLE: Self = Self(*b"42P07");
    /// A partition that overlaps another.
    pub(crate) const INVALID_OBJECT_DEFINITION: Self = Self(*b"42P17");

    pub(crate) const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// A statement that exceeded its timeout, among others.
    pub(crate) const QUERY_CANCELED: Self = Self(*b"57014");

    /// A code of another length, which Postgres never sends, becomes `?????`.
    pub(crate) fn of(code: &str) -> Self {
        Self(code.as_bytes().try_into().unwrap_or(*b"?????"))
    }

    /// The first two characters.
    fn class(&self) -> &[u8] {
        &self.0[..2]
    }

    /// Whether a statement with such an error fails again however often it is tried: it is about
    /// the values of a row, and no resource, lock or right would help. Codes of no class that
    /// Postgres has are those of an operator's trigger.
    pub(crate) fn is_about_data(&self) -> bool {
        match self.class() {
            b"0A" | b"20" | b"21" | b"22" | b"23" | b"27" | b"44" | b"54" | b"P0" => true,
            _ => self.class_meaning().is_none(),
        }
    }

    /// Whether the cause most likely passes by itself: conflicts between transactions, locks,
    /// cancelled statements, a shutdown.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.class(), b"40" | b"55" | b"57")
    }

    /// Whether a smaller statement may succeed.
    pub(crate) fn is_about_size(&self) -> bool {
        self.class() == b"54" || self.0 == *b"53200" || self.0 == *b"57014"
    }

    pub(crate) fn meaning(&self) -> &'static str {
        match &self.0 {
            b"08P01" => "the protocol was violated",
            b"22P05" => "the text has a character that the encoding of the database lacks",
            b"23502" => "a column must not be null",
            b"23503" => "a foreign key is violated",
            b"23505" => "a unique index is violated",
            b"23514" => "a check is violated, or there is no partition",
            b"25006" => "the server is read-only",
            b"3D000" => "the database does not exist",
            b"3F000" => "the schema does not exist",
            b"42501" => "permission denied",
            b"42703" => "a column is missing",
            b"42883" => "a function is missing",
            b"42P01" => "a table is missing",
            b"42P07" => "a table of that name exists",
            b"42P17" => "a partition overlaps another",
            b"53100" => "the disk is full",
            b"53200" => "the server is out of memory",
            b"53300" => "the server has too many connections",
            b"55P03" => "a lock was not available in time",
            b"57014" => "the statement took too long or was cancelled",
            b"57P01" | b"57P02" => "the server ended the connection",
            b"57P03" => "the server is starting up or shutting down",
            _ => self.class_meaning().unwrap_or("an error of a trigger or an extension"),
        }
    }

    /// `None` if Postgres has no such class.
    fn class_meaning(&self) -> Option<&'static str> {
        Some(match self.class() {
            b"00" | b"01" | b"02" => "a warning",
            b"03" => "a statement is not complete",
            b"08" => "the connection failed",
            b"09" | b"27" | b"39" => "a trigger failed",
            b"0A" => "the server does not support that",
            b"0B" | b"25" | b"2D" => "the state of the transaction is wrong",
            b"0F" | b"0L" | b"0P" | b"0Z" => "an authorization or diagnostic is invalid",
            b"10" => "an XML function failed",
            b"20" => "a trigger found no case",
            b"21" => "a query returned too many rows",
            b"22" => "a value is invalid",
            b"23" => "a constraint is violated",
            b"24" | b"34" => "a cursor is invalid",
            b"26" => "a prepared statement is missing",
            b"28" => "authentication failed",
            b"2B" => "other objects depend on it",
            b"2F" | b"38" => "a function failed",
            b"3B" => "a savepoint is invalid",
            b"3D" => "the database does not exist",
            b"3F" => "the schema does not exist",
            b"40" => "the transaction conflicts with another",
            b"42" => "the table is not as expected",
            b"44" => "a view refuses the row",
            b"53" => "the server lacks a resource",
            b"54" => "a limit of the server is exceeded",
            b"55" => "an object is not in the right state",
            b"57" => "the server interrupted the statement",
            b"58" => "the server's system failed",
            b"72" => "a snapshot is too old",
            b"F0" => "the server's configuration is invalid",
            b"HV" => "a foreign table failed",
            b"P0" => "a trigger refused the row",
            b"XX" => "the server has an internal error",
            _ => return None,
        })
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may come from a damaged file.
        self.0.escape_ascii().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::SqlState;

    #[test]
    fn each_code_has_a_meaning_and_one_fate() {
        for (code, meaning, is_about_data) in [
            ("23514", "a check is violated, or there is no partition", true),
            ("23999", "a constraint is violated", true),
            ("P0001", "a trigger refused the row", true),
            ("0A000", "the server does not support that", true),
            ("LW001", "an error of a trigger or an extension", true),
            ("42501", "permission denied", false),
            ("53100", "the disk is full", false),
            ("XX000", "the server has an internal error", false),
            ("long code", "an error of a trigger or an extension", true),
        ] {
            let state = SqlState::of(code);
            assert_eq!((state.meaning(), state.is_about_data()), (meaning, is_about_data), "{code}");
        }
    }
}
