//! The section `lockwatch_token` of INFO.

use std::ffi::{CStr, CString};

use crate::server::clock as server_clock;
use crate::server::info::{Section, Value};
use crate::server::native::{Boxed, NativeType};

use super::store::Store;
use super::{clock, counters, keyring, life, refresh, signer};

pub(crate) const SECTION: Section = Section {
    name: c"token",
    counters: &[
        (c"token_issued_total", &counters::ISSUED),
        (c"token_rotated_total", &counters::ROTATED),
        (c"token_claims_set_total", &counters::CLAIMS_SET),
        (c"token_replayed_total", &counters::REPLAYED),
        (c"token_reused_total", &counters::REUSED),
        (c"token_rolled_forward_total", &counters::ROLLED_FORWARD),
        (c"token_forged_total", &counters::FORGED),
        (c"token_rotate_refused_total", &counters::ROTATE_REFUSED),
        (c"token_verified_total", &counters::VERIFIED),
        (c"token_verify_refused_total", &counters::VERIFY_REFUSED),
        (c"token_verify_cache_hits_total", &counters::CACHE_HITS),
        (c"token_revoked_total", &counters::REVOKED),
        (c"token_evicted_total", &counters::EVICTED),
        (c"token_busy_total", &counters::BUSY),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let handle = Boxed::<Store>::handle();
    field(c"token_stores", Value::Number(handle.keys.get()));
    field(c"token_bytes", Value::Number(handle.bytes.get()));
    field(c"token_sessions", Value::Number(handle.items.get()));
    let ring = keyring::known();
    field(c"token_clock_ahead_ms", Value::Number(clock::ahead(server_clock::now()).0));
    field(c"token_alive_since_ms", Value::Number(life::current().1.0));
    field(c"token_sign_queue", Value::Number(signer::in_flight() as u64));
    field(c"token_refresh_secrets", Value::Number(ring.refresh.len() as u64));
    for (i, secret) in ring.refresh.iter().enumerate() {
        let Ok(name) = CString::new(format!("token_refresh_secret_{i}")) else { continue };
        let role = if i == 0 { "signing" } else { "verifying" };
        field(&name, Value::Text(&format!("id={},use={role}", refresh::secret_id(secret))));
    }
    field(c"token_keys", Value::Number(ring.keys.len() as u64));
    for (i, key) in ring.keys.iter().enumerate() {
        let Ok(name) = CString::new(format!("token_key_{i}")) else { continue };
        let role = if i == 0 { "signing" } else { "verifying" };
        let line = format!("kid={},alg={},use={role}", key.kid, key.algorithm.name());
        field(&name, Value::Text(&line));
    }
}
