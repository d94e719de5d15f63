//! The section `lockwatch_guard` of INFO.

use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering;

use crate::server::info::{Section, Value};
use crate::server::native::{Boxed, NativeType};

use super::rule::Mode;
use super::value::Guard;
use super::{counters, local, rules, settings};

/// The most rules whose counts INFO shows.
const BUSIEST: usize = 100;

pub(crate) const SECTION: Section = Section {
    name: c"guard",
    counters: &[
        (c"guard_attempts_total", &counters::ATTEMPTS),
        (c"guard_attempts_admitted_total", &counters::ADMITTED),
        (c"guard_attempts_challenged_total", &counters::CHALLENGED),
        (c"guard_attempts_denied_total", &counters::DENIED),
        (c"guard_outcomes_total", &counters::OUTCOMES),
        (c"guard_successes_total", &counters::SUCCESSES),
        (c"guard_events_total", &counters::EVENTS),
        (c"guard_checks_total", &counters::CHECKS),
        (c"guard_checks_denied_total", &counters::CHECKS_DENIED),
        (c"guard_bans_total", &counters::BANS),
        (c"guard_bans_restrained_total", &counters::BANS_RESTRAINED),
        (c"guard_lifted_total", &counters::LIFTED),
        (c"guard_refused_subjects_total", &counters::REFUSED),
    ],
    made: Some(show),
};

fn show(show: &mut dyn FnMut(&CStr, Value<'_>)) {
    show(c"guards", Value::Number(Boxed::<Guard>::handle().keys.get()));
    for (name, gauge) in [
        (c"guard_bytes", &local::BYTES),
        (c"guard_bans", &local::BANS),
        (c"guard_subjects", &local::SUBJECTS),
        (c"guard_known_users", &local::KNOWN),
        (c"guard_restrained", &local::RESTRAINED),
    ] {
        show(name, Value::Number(gauge.load(Ordering::Relaxed)));
    }
    let rules = rules::current();
    show(c"guard_rules", Value::Number(rules.set.entries.len() as u64));
    let observes = settings::GUARD_MODE.get() == Mode::Observe;
    show(c"guard_observes", Value::Number(observes.into()));
    let all = rules.set.guards().iter().flat_map(|guard| guard.rules.iter().map(move |rule| (guard, rule)));
    let mut busiest: Vec<_> = all.collect();
    // The sort is stable, so rules that fired equally often keep their order.
    busiest.sort_by_key(|(_, rule)| std::cmp::Reverse(rule.counts.fired.get()));
    for (guard, rule) in busiest.into_iter().take(BUSIEST) {
        let field = CString::new(format!("guard_{}/{}", guard.name, rule.name)).unwrap_or_default();
        let counts = &rule.counts;
        let [fired, challenged, denied, observed] =
            [&counts.fired, &counts.challenged, &counts.denied, &counts.observed].map(|count| count.get());
        let text = format!("fired={fired},challenged={challenged},denied={denied},observed={observed}");
        show(&field, Value::Text(&text));
    }
}
