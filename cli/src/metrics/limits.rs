//! The limiter, policies, bursts and leases.

use super::family::Value::{Field, Less};
use super::family::{Family, of, one};
use super::metric::Unit;

pub const FAMILIES: &[Family] = &[
    Family::counter(
        "lockwatch_ratelimit_calls",
        "Answered calls of the limiter's commands, by outcome",
        &[
            of(
                &[("command", "lw.ratelimit"), ("outcome", "admitted")],
                Less(
                    "lockwatch_ratelimit_calls_total",
                    &["lockwatch_ratelimit_denied_total", "lockwatch_ratelimit_forced_total"],
                ),
            ),
            of(
                &[("command", "lw.ratelimit"), ("outcome", "denied")],
                Field("lockwatch_ratelimit_denied_total"),
            ),
            of(
                &[("command", "lw.ratelimit"), ("outcome", "forced")],
                Field("lockwatch_ratelimit_forced_total"),
            ),
            of(
                &[("command", "lw.mratelimit"), ("outcome", "admitted")],
                Less("lockwatch_mratelimit_calls_total", &["lockwatch_mratelimit_denied_total"]),
            ),
            of(
                &[("command", "lw.mratelimit"), ("outcome", "denied")],
                Field("lockwatch_mratelimit_denied_total"),
            ),
            of(
                &[("command", "cl.throttle"), ("outcome", "admitted")],
                Less("lockwatch_cell_calls_total", &["lockwatch_cell_denied_total"]),
            ),
            of(&[("command", "cl.throttle"), ("outcome", "denied")], Field("lockwatch_cell_denied_total")),
        ],
    ),
    Family::counter(
        "lockwatch_ratelimit_peeks",
        "Answered calls that only look at limits",
        &[
            of(&[("command", "lw.peek")], Field("lockwatch_ratelimit_peeks_total")),
            of(&[("command", "lw.mpeek")], Field("lockwatch_mratelimit_peeks_total")),
        ],
    ),
    Family::counter(
        "lockwatch_ratelimit_refunds",
        "Answered calls of LW.REFUND",
        &[one("lockwatch_ratelimit_refunds_total")],
    ),
    Family::counter(
        "lockwatch_ratelimit_settles",
        "Answered calls of LW.SETTLE",
        &[one("lockwatch_ratelimit_settles_total")],
    ),
    Family::gauge("lockwatch_policies", "Policies", &[one("lockwatch_policies")]),
    Family::gauge(
        "lockwatch_policy_overrides",
        "Overrides of all policies",
        &[one("lockwatch_policies_overrides")],
    ),
    Family::gauge("lockwatch_top_keys", "Keys that LW.TOP knows", &[one("lockwatch_top_keys")]),
    Family::gauge(
        "lockwatch_top_denials",
        "Denied calls of all keys, of which an older one counts less: half after five minutes",
        &[one("lockwatch_top_denials")],
    ),
    Family::counter(
        "lockwatch_burst_calls",
        "Answered calls of LW.BURST, by whether they were part of a burst",
        &[
            of(&[("outcome", "burst")], Field("lockwatch_burst_bursts_total")),
            of(
                &[("outcome", "no_burst")],
                Less("lockwatch_burst_calls_total", &["lockwatch_burst_bursts_total"]),
            ),
        ],
    ),
    Family::counter(
        "lockwatch_burst_alerts",
        "Calls of LW.BURST that raised an alert",
        &[one("lockwatch_burst_alerts_total")],
    ),
    Family::counter(
        "lockwatch_lease_acquires",
        "Answered calls of LW.ACQUIRE, by outcome",
        &[
            of(&[("outcome", "acquired")], Field("lockwatch_lease_acquired_total")),
            of(&[("outcome", "denied")], Field("lockwatch_lease_denied_total")),
            of(&[("outcome", "repeated")], Field("lockwatch_lease_repeated_total")),
        ],
    ),
    Family::counter(
        "lockwatch_lease_renewed",
        "Calls of LW.RENEW that found their lease",
        &[one("lockwatch_lease_renewed_total")],
    ),
    Family::counter(
        "lockwatch_lease_ended",
        "Leases that ended before their time, by reason",
        &[
            of(&[("reason", "released")], Field("lockwatch_lease_released_total")),
            of(&[("reason", "connection_closed")], Field("lockwatch_lease_closed_total")),
        ],
    ),
    Family::counter(
        "lockwatch_lease_missed",
        "Calls of LW.RENEW and LW.RELEASE for a lease that had ended or never was",
        &[one("lockwatch_lease_missed_total")],
    ),
    Family::gauge("lockwatch_leases", "Leases in all keys", &[one("lockwatch_lease_leases")]),
    Family::gauge(
        "lockwatch_lease_onclose_leases",
        "Leases that end when their connection closes",
        &[one("lockwatch_lease_onclose_leases")],
    ),
    Family::gauge(
        "lockwatch_lease_onclose_connections",
        "Connections with leases that end when they close",
        &[one("lockwatch_lease_onclose_connections")],
    ),
    Family::counter(
        "lockwatch_clock_steps",
        "Keys whose entries were moved because the server's clock had stepped back",
        &[
            of(&[("type", "lw-window")], Field("lockwatch_ratelimit_clock_steps_total")),
            of(&[("type", "lw-bursts")], Field("lockwatch_burst_clock_steps_total")),
        ],
    ),
    Family::gauge(
        "lockwatch_keys",
        "Keys, by the type of their value",
        &[
            of(&[("type", "lw-window")], Field("lockwatch_ratelimit_keys")),
            of(&[("type", "lw-bursts")], Field("lockwatch_burst_keys")),
            of(&[("type", "lw-leases")], Field("lockwatch_lease_keys")),
            of(&[("type", "lw-guards")], Field("lockwatch_guards")),
            of(&[("type", "lw-tokens")], Field("lockwatch_token_stores")),
        ],
    ),
    Family::gauge(
        "lockwatch_values",
        "Memory of the values, by their type",
        &[
            of(&[("type", "lw-window")], Field("lockwatch_ratelimit_bytes")),
            of(&[("type", "lw-bursts")], Field("lockwatch_burst_bytes")),
            of(&[("type", "lw-leases")], Field("lockwatch_lease_bytes")),
            of(&[("type", "lw-guards")], Field("lockwatch_guard_bytes")),
            of(&[("type", "lw-tokens")], Field("lockwatch_token_bytes")),
        ],
    )
    .in_unit(Unit::Bytes),
];
