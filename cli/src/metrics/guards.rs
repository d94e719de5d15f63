//! Guards.

use super::family::Value::{Field, Less};
use super::family::{Family, of, one};

pub const FAMILIES: &[Family] = &[
    Family::counter(
        "lockwatch_guard_attempts",
        "Answered calls of LW.ATTEMPT, by outcome",
        &[
            of(&[("outcome", "admitted")], Field("lockwatch_guard_attempts_admitted_total")),
            of(&[("outcome", "challenged")], Field("lockwatch_guard_attempts_challenged_total")),
            of(&[("outcome", "denied")], Field("lockwatch_guard_attempts_denied_total")),
        ],
    ),
    Family::counter(
        "lockwatch_guard_events",
        "Answered calls of LW.EVENT: success; no_success for password, failure, unknown and mfa; \
         other for reset and the kinds of the application",
        &[
            of(&[("event", "success")], Field("lockwatch_guard_successes_total")),
            of(
                &[("event", "no_success")],
                Less("lockwatch_guard_outcomes_total", &["lockwatch_guard_successes_total"]),
            ),
            of(&[("event", "other")], Field("lockwatch_guard_events_total")),
        ],
    ),
    Family::counter(
        "lockwatch_guard_checks",
        "Answered calls of LW.CHECK, by outcome",
        &[
            of(
                &[("outcome", "not_denied")],
                Less("lockwatch_guard_checks_total", &["lockwatch_guard_checks_denied_total"]),
            ),
            of(&[("outcome", "denied")], Field("lockwatch_guard_checks_denied_total")),
        ],
    ),
    Family::counter("lockwatch_guard_bans", "Bans by rules", &[one("lockwatch_guard_bans_total")]),
    Family::counter(
        "lockwatch_guard_bans_restrained",
        "Bans that became challenges",
        &[one("lockwatch_guard_bans_restrained_total")],
    ),
    Family::counter(
        "lockwatch_guard_lifted",
        "Bans, challenges and allow entries that LW.LIFT has ended",
        &[one("lockwatch_guard_lifted_total")],
    ),
    Family::counter(
        "lockwatch_guard_refused_subjects",
        "Subjects that were not added because memory or a budget was short",
        &[one("lockwatch_guard_refused_subjects_total")],
    ),
    Family::gauge(
        "lockwatch_guard_entries",
        "Bans, allow entries and observed entries of all guards, those too that have ended and were not removed yet",
        &[one("lockwatch_guard_bans")],
    ),
    Family::gauge(
        "lockwatch_guard_subjects",
        "Addresses, users, pairs and free keys with counts",
        &[one("lockwatch_guard_subjects")],
    ),
    Family::gauge(
        "lockwatch_guard_known_users",
        "Users with known networks or devices",
        &[one("lockwatch_guard_known_users")],
    ),
    Family::gauge(
        "lockwatch_guard_restrained",
        "Guards in which new bans become challenges",
        &[one("lockwatch_guard_restrained")],
    ),
    Family::gauge("lockwatch_guard_rules", "Lines of the rules in force", &[one("lockwatch_guard_rules")]),
    Family::gauge(
        "lockwatch_guard_observes",
        "1 if guard-mode is observe, so that no rule challenges or bans",
        &[one("lockwatch_guard_observes")],
    ),
];
