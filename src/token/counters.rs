//! The counters of the token commands. `info.rs` names them.

use crate::server::info::Counter;

pub(crate) static ISSUED: Counter = Counter::new();
pub(crate) static ROTATED: Counter = Counter::new();
/// Sessions whose next claims LW.CLAIMS has set.
pub(crate) static CLAIMS_SET: Counter = Counter::new();
/// Refresh tokens that got the same successor again.
pub(crate) static REPLAYED: Counter = Counter::new();
/// Refresh tokens that were used twice and whose session was ended.
pub(crate) static REUSED: Counter = Counter::new();
/// Refresh tokens of a later generation that were accepted because a write may have been lost.
pub(crate) static ROLLED_FORWARD: Counter = Counter::new();
/// Refresh tokens with a valid code that were never issued.
pub(crate) static FORGED: Counter = Counter::new();
/// Refused calls of LW.ROTATE.
pub(crate) static ROTATE_REFUSED: Counter = Counter::new();
/// Access tokens that LW.VERIFY accepted.
pub(crate) static VERIFIED: Counter = Counter::new();
/// Access tokens that LW.VERIFY refused.
pub(crate) static VERIFY_REFUSED: Counter = Counter::new();
/// Access tokens whose signature was in the cache.
pub(crate) static CACHE_HITS: Counter = Counter::new();
/// Revoked sessions and access tokens.
pub(crate) static REVOKED: Counter = Counter::new();
/// Sessions that ended because their subject had too many.
pub(crate) static EVICTED: Counter = Counter::new();
/// Calls refused because too many signatures were in flight.
pub(crate) static BUSY: Counter = Counter::new();
