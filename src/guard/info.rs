//! The section `lockwatch_guard` of INFO.

use std::ffi::{CStr, CString};

use crate::server::info::{Section, Value};

use super::rules;

/// The most rules whose counts INFO shows.
const BUSIEST: usize = 100;

pub(crate) const SECTION: Section = Section { name: c"guard", counters: &[], made: Some(show) };

fn show(show: &mut dyn FnMut(&CStr, Value<'_>)) {
    let rules = rules::current();
    show(c"guard_rules", Value::Number(rules.set.entries.len() as u64));
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
