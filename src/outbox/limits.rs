//! How much an outbox may hold.

use serde::{Deserialize, Serialize};

use crate::journal::queue::Bounds;

/// Who adds an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// A client. Refused when the configured bounds are reached.
    Caller,
    /// The module itself. It may use the reserve beyond the configured bounds.
    Module,
}

/// The outbox has no room for another entry.
#[derive(Debug)]
pub(crate) struct Full;

/// The reserve is this fraction of the configured bounds: an eighth.
const RESERVE: usize = 8;
/// The reserve is at least this number of entries.
const MIN_RESERVE: usize = 16;

/// The bounds that apply to `source`, from the configured ones.
pub(crate) fn bounds(source: Source, events: usize, bytes: usize) -> Bounds {
    match source {
        Source::Caller => Bounds { events, bytes },
        Source::Module => {
            Bounds { events: events + events / RESERVE + MIN_RESERVE, bytes: bytes + bytes / RESERVE }
        }
    }
}
