//! The section `lockwatch_policy` of INFO.

use std::ffi::{CStr, CString};

use crate::server::info::{Section, Value};

use super::state;

/// The most policies whose counts INFO shows.
const BUSIEST: usize = 100;

pub(crate) const SECTION: Section = Section { name: c"policy", counters: &[], made: Some(show) };

fn show(show: &mut dyn FnMut(&CStr, Value<'_>)) {
    let mut state = state::lock();
    let digest = state.digest();
    show(c"policies", Value::Number(state.store.len() as u64));
    show(c"policies_overrides", Value::Number(state.store.overrides() as u64));
    show(c"policies_digest", Value::Text(&hex(digest)));
    let mut busiest: Vec<_> = state.store.iter().map(|(name, policy)| (name, policy.totals())).collect();
    busiest.sort_unstable_by(|(one, a), (other, b)| b.calls.cmp(&a.calls).then(one.cmp(other)));
    for (name, totals) in busiest.into_iter().take(BUSIEST) {
        let field = CString::new([b"policy_", name].concat()).unwrap_or_default();
        let (calls, denied, shadow) = (totals.calls, totals.denied, totals.shadow_denied);
        show(&field, Value::Text(&format!("calls={calls},denied={denied},shadow_denied={shadow}")));
    }
}

/// A digest as commands and INFO show it.
pub(super) fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}
