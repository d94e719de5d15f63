//! That Postgres refused an event as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outbox::dead::Cause;
use crate::text::time::Timestamp;

use super::sqlstate::SqlState;

/// What Postgres said about a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataError {
    pub state: SqlState,
    pub message: String,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.state, self.message)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub at: Timestamp,
    pub error: DataError,
}

impl Cause for Refused {
    fn size(&self) -> usize {
        self.error.message.len()
    }

    /// Postgres is the only receiver.
    fn replaces(&self, _earlier: &Self) -> bool {
        true
    }
}
