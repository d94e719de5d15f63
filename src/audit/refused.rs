//! That Postgres refused an event as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outbox::dead::Cause;
use crate::text::escape::escaped;
use crate::text::time::Timestamp;

use super::sqlstate::SqlState;

/// The maximum size of a message, beyond which it is cut.
const MESSAGE: usize = 512;

/// What Postgres said about a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataError {
    pub state: SqlState,
    pub message: String,
}

impl DataError {
    /// `message` is that of Postgres. It is kept if it is about the row, for an administrator who
    /// looks at the dead letters.
    pub(crate) fn of(state: SqlState, message: &str) -> Self {
        let message =
            if state.is_about_data() { escaped(message.as_bytes(), MESSAGE) } else { state.meaning().into() };
        Self { state, message }
    }
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
