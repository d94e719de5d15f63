//! The counters of the token commands. `info.rs` names them.

use crate::server::info::Counter;

pub static ISSUED: Counter = Counter::new();
pub static ROTATED: Counter = Counter::new();
/// Refresh tokens that got the same successor again.
pub static REPLAYED: Counter = Counter::new();
/// Refresh tokens that were used twice and whose session was ended.
pub static REUSED: Counter = Counter::new();
/// Refresh tokens of a later generation that were accepted because a write may have been lost.
pub static ROLLED_FORWARD: Counter = Counter::new();
/// Refresh tokens with a valid code that were never issued.
pub static FORGED: Counter = Counter::new();
/// Refused calls of LW.ROTATE.
pub static ROTATE_REFUSED: Counter = Counter::new();
/// Access tokens that LW.VERIFY accepted.
pub static VERIFIED: Counter = Counter::new();
/// Access tokens that LW.VERIFY refused.
pub static VERIFY_REFUSED: Counter = Counter::new();
/// Access tokens whose signature was in the cache.
pub static CACHE_HITS: Counter = Counter::new();
/// Revoked sessions and access tokens.
pub static REVOKED: Counter = Counter::new();
/// Sessions that ended because their subject had too many.
pub static EVICTED: Counter = Counter::new();
/// Calls refused because too many signatures were in flight.
pub static BUSY: Counter = Counter::new();
