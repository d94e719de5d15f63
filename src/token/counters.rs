//! What tokens count, and what INFO says of them.

use crate::server::info::Counter;

/// Sessions that began with LW.ISSUE.
pub static ISSUED: Counter = Counter::new();
/// Refresh tokens that were rotated.
pub static ROTATED: Counter = Counter::new();
/// Refresh tokens that were answered with the successor they already had.
pub static REPLAYED: Counter = Counter::new();
/// Refresh tokens that were used before, for which their session was ended.
pub static REUSED: Counter = Counter::new();
/// Refresh tokens of a later generation than was stored that were accepted, after a write may have been lost.
pub static ROLLED_FORWARD: Counter = Counter::new();
/// Refresh tokens that nobody but who has the secret can have made, and that were never given out.
pub static FORGED: Counter = Counter::new();
/// Calls of LW.ROTATE that were refused, for whatever reason.
pub static ROTATE_REFUSED: Counter = Counter::new();
/// Access tokens that LW.VERIFY accepted.
pub static VERIFIED: Counter = Counter::new();
/// Those that it refused.
pub static VERIFY_REFUSED: Counter = Counter::new();
/// Access tokens whose signature was known to be right.
pub static CACHE_HITS: Counter = Counter::new();
/// Sessions and access tokens that were revoked.
pub static REVOKED: Counter = Counter::new();
/// Sessions that had to go because their subject had too many.
pub static EVICTED: Counter = Counter::new();
/// Calls that were refused because too many tokens waited to be signed.
pub static BUSY: Counter = Counter::new();
