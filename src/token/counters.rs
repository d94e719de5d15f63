//! What tokens count, and what INFO says of them.

use std::ffi::{CStr, CString};

use crate::server::events;
use crate::server::info::{Counter, Section, Value};

use super::{clock, keyring, life, signer};

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

/// The section of `INFO lockwatch`.
pub const SECTION: Section = Section {
    name: c"token",
    counters: &[
        (c"token_issued_total", &ISSUED),
        (c"token_rotated_total", &ROTATED),
        (c"token_replayed_total", &REPLAYED),
        (c"token_reused_total", &REUSED),
        (c"token_rolled_forward_total", &ROLLED_FORWARD),
        (c"token_forged_total", &FORGED),
        (c"token_rotate_refused_total", &ROTATE_REFUSED),
        (c"token_verified_total", &VERIFIED),
        (c"token_verify_refused_total", &VERIFY_REFUSED),
        (c"token_verify_cache_hits_total", &CACHE_HITS),
        (c"token_revoked_total", &REVOKED),
        (c"token_evicted_total", &EVICTED),
        (c"token_busy_total", &BUSY),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let ring = keyring::known();
    field(c"token_clock_ahead_ms", Value::Number(clock::ahead(events::now()).0));
    field(c"token_alive_since_ms", Value::Number(life::current().1.0));
    field(c"token_sign_queue", Value::Number(signer::depth() as u64));
    field(c"token_refresh_secrets", Value::Number(ring.refresh.len() as u64));
    field(c"token_keys", Value::Number(ring.keys.len() as u64));
    for (i, key) in ring.keys.iter().enumerate() {
        let Ok(name) = CString::new(format!("token_key_{i}")) else { continue };
        let role = if i == 0 { "signing" } else { "verifying" };
        let line = format!("kid={},alg={},use={role}", key.kid, key.algorithm.name());
        field(&name, Value::Text(&line));
    }
}
