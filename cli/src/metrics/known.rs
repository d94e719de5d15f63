//! Which fields of the module in INFO the program knows.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::info::Info;

use super::{endpoints, lists, tables};

/// Fields of which no metric is made.
const LEFT_OUT: &[&str] = &[
    // A label of the metric lockwatch_info.
    "lockwatch_version",
    // The sums of lockwatch_guard_attempts, whose outcomes are counted one by one.
    "lockwatch_guard_attempts_total",
    // Always 0.
    "lockwatch_audit_dropped_total",
    // Texts. The state is a metric as a number.
    "lockwatch_audit_postgres",
    "lockwatch_audit_state",
    "lockwatch_audit_last_error",
];

/// Fields with a number in their names of which no metric is made: identifiers for comparing nodes.
const LEFT_OUT_LISTS: &[&str] = &["lockwatch_token_refresh_secret_"];

static KNOWN: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let tables = tables::all().flat_map(|family| family.series).flat_map(|series| series.value.fields());
    tables.chain(LEFT_OUT.iter().copied()).chain([lists::DIGEST]).collect()
});

/// The fields of the module that are neither part of a metric nor left out on purpose. A newer
/// module may have some.
pub fn unknown(info: &Info) -> Vec<&str> {
    let module = info.fields().filter(|(name, _)| name.starts_with("lockwatch_"));
    module.filter(|(name, line)| !is_known(name, line)).map(|(name, _)| name).collect()
}

fn is_known(name: &str, line: &str) -> bool {
    if KNOWN.contains(name) || lists::HISTOGRAMS.iter().any(|(_, field, _)| *field == name) {
        return true;
    }
    let members = Info::members(line);
    let has = |wanted: &[&str]| wanted.iter().all(|name| members.contains_key(name));
    if name.starts_with(lists::POLICY) {
        return has(&["calls", "denied", "shadow_denied"]) && members.len() == 3;
    }
    if name.starts_with(lists::RULE) && name.contains('/') {
        return has(&["fired", "challenged", "denied", "observed"]) && members.len() == 4;
    }
    if let Some(rest) = name.strip_prefix(endpoints::FIELD) {
        let known = ["url", "source", "state", "pending", "delivered", "failed", "last_status"];
        let times = ["last_error_ms", "last_error"];
        let line = is_number(rest) && has(&known) && has(&times) && members.len() == 9;
        return line || rest.strip_suffix("_state_number").is_some_and(is_number);
    }
    let numbered = |prefix: &&str| name.strip_prefix(*prefix).is_some_and(is_number);
    (numbered(&lists::KEY) && has(&["kid", "alg", "use"])) || LEFT_OUT_LISTS.iter().any(numbered)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_no_metric_is_made_of_is_found() {
        let known = "lockwatch_version:1\nlockwatch_panics_total:0\nlockwatch_policy_a:calls=1,denied=0,shadow_denied=0\n\
                     lockwatch_guard_login/guess:fired=1,challenged=0,denied=0,observed=0\nused_memory:1\n\
                     lockwatch_token_key_0:kid=a,alg=EdDSA,use=signing\nlockwatch_alert_endpoint_0_state_number:0\n";
        assert_eq!(unknown(&Info::parse(known)), [""; 0]);
        for new in [
            "lockwatch_new_total:7",
            "lockwatch_policy_new:7",
            "lockwatch_policy_a:calls=1,denied=0,shadow_denied=0,new=1",
            "lockwatch_guard_new:7",
            "lockwatch_guard_login/guess:fired=1,challenged=0,denied=0,observed=0,new=1",
            "lockwatch_alert_endpoint_0:url=https://a.example,state=ok",
            "lockwatch_alert_endpoint_0_new:1",
            "lockwatch_new_text:x",
        ] {
            let info = Info::parse(&format!("{known}{new}"));
            assert_eq!(unknown(&info), [new.split_once(':').unwrap().0]);
        }
    }

    #[test]
    fn no_two_metrics_have_one_name() {
        let mut seen = BTreeSet::new();
        for family in tables::all() {
            assert!(seen.insert((family.name, format!("{:?}", family.unit))), "{}", family.name);
        }
    }
}
