//! Tokens.

use super::family::Value::{Field, Time};
use super::family::{Family, of, one};
use super::metric::Unit;

pub const FAMILIES: &[Family] = &[
    Family::counter("lockwatch_token_issued", "Sessions that began", &[one("lockwatch_token_issued_total")]),
    Family::counter(
        "lockwatch_token_rotated",
        "Refresh tokens that were exchanged",
        &[one("lockwatch_token_rotated_total")],
    ),
    Family::counter(
        "lockwatch_token_replayed",
        "Refresh tokens that were answered with the successor they had",
        &[one("lockwatch_token_replayed_total")],
    ),
    Family::counter(
        "lockwatch_token_reused",
        "Sessions that ended because an older refresh token was used again",
        &[one("lockwatch_token_reused_total")],
    ),
    Family::counter(
        "lockwatch_token_rolled_forward",
        "Tokens accepted although their rotation was lost by a crash or failover",
        &[one("lockwatch_token_rolled_forward_total")],
    ),
    Family::counter(
        "lockwatch_token_forged",
        "Tokens with a correct code that were never issued",
        &[one("lockwatch_token_forged_total")],
    ),
    Family::counter(
        "lockwatch_token_rotate_refused",
        "Refused calls of LW.ROTATE",
        &[one("lockwatch_token_rotate_refused_total")],
    ),
    Family::counter(
        "lockwatch_token_verifications",
        "Access tokens that LW.VERIFY judged, by outcome",
        &[
            of(&[("outcome", "accepted")], Field("lockwatch_token_verified_total")),
            of(&[("outcome", "refused")], Field("lockwatch_token_verify_refused_total")),
        ],
    ),
    Family::counter(
        "lockwatch_token_verify_cache_hits",
        "Access tokens whose signature was remembered",
        &[one("lockwatch_token_verify_cache_hits_total")],
    ),
    Family::counter(
        "lockwatch_token_claims_set",
        "Sessions whose claims LW.CLAIMS has changed",
        &[one("lockwatch_token_claims_set_total")],
    ),
    Family::counter(
        "lockwatch_token_revoked",
        "Sessions and tokens that were revoked",
        &[one("lockwatch_token_revoked_total")],
    ),
    Family::counter(
        "lockwatch_token_evicted",
        "Sessions that ended to make room for a newer one of their subject",
        &[one("lockwatch_token_evicted_total")],
    ),
    Family::counter(
        "lockwatch_token_busy",
        "Calls refused with LWBUSY",
        &[one("lockwatch_token_busy_total")],
    ),
    Family::gauge(
        "lockwatch_token_sessions",
        "Sessions in all token stores, those too that have ended and were not removed yet",
        &[one("lockwatch_token_sessions")],
    ),
    Family::gauge(
        "lockwatch_token_clock_ahead",
        "Time by which tokens' time is ahead of the server's clock",
        &[one("lockwatch_token_clock_ahead_ms")],
    )
    .in_unit(Unit::Seconds),
    Family::gauge(
        "lockwatch_token_alive_since_timestamp",
        "When the server last loaded data, started or became a primary, in Unix time",
        &[of(&[], Time("lockwatch_token_alive_since_ms"))],
    )
    .in_unit(Unit::Seconds),
    Family::gauge(
        "lockwatch_token_sign_queue",
        "Tokens that wait to be signed",
        &[one("lockwatch_token_sign_queue")],
    ),
    Family::gauge(
        "lockwatch_token_refresh_secrets",
        "Refresh secrets in force",
        &[one("lockwatch_token_refresh_secrets")],
    ),
    Family::gauge("lockwatch_token_keys", "Keys in force for access tokens", &[one("lockwatch_token_keys")]),
];
