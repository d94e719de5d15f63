//! How much an outbox may hold.

use serde::{Deserialize, Serialize};

use crate::journal::queue::Bounds;
use crate::server::memory;

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

/// Callers' entries are refused while the server uses more than this share of `maxmemory`. At
/// `maxmemory` itself each entry would evict a key or make another client's write fail. A server
/// that evicts stays just below `maxmemory`, by at most the size of the last evicted key, and
/// callers must not take that room either.
const MEMORY_SHARE: f32 = 63.0 / 64.0;

/// Whether entries of callers are refused to save memory. The module's own are not: there are few.
pub(crate) fn memory_is_short() -> bool {
    memory::used_share() > MEMORY_SHARE
}

/// The bounds that apply to `source`, from the configured ones.
pub(crate) fn bounds(source: Source, events: usize, bytes: usize) -> Bounds {
    match source {
        Source::Caller => Bounds { events, bytes },
        Source::Module => {
            Bounds { events: events + events / RESERVE + MIN_RESERVE, bytes: bytes + bytes / RESERVE }
        }
    }
}
