//! Replies that several commands of guards make.

use crate::server::call::Call;
use crate::text::time::Timestamp;

use super::super::bans::{BanKey, Entry, Source, Target};
use super::super::judge::{Judged, Level, Verdict};
use super::super::ruleset::GuardRules;

impl Level {
    fn number(self) -> u64 {
        match self {
            Self::Allow => 0,
            Self::Challenge => 1,
            Self::Deny => 2,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
        }
    }
}

/// The six values of LW.ATTEMPT, LW.EVENT and LW.CHECK.
pub(super) fn verdict(call: &Call<'_>, judged: &Judged, alerted: bool) {
    let Verdict { level, left, rule, strikes, .. } = &judged.enforced;
    call.reply_array(6);
    call.reply_integer(level.number());
    call.reply_integer(if *level == Level::Deny { left.0 } else { 0 });
    match rule {
        Some(rule) => call.reply_text(rule),
        None => call.reply_null(),
    }
    call.reply_integer(u64::from(*strikes));
    call.reply_integer(judged.would.level.number());
    call.reply_integer(u64::from(alerted));
}

/// Counts a verdict for the rule that it comes from.
pub(super) fn count(rules: &GuardRules, judged: &Judged) {
    let rule = judged.enforced.tag.and_then(|tag| rules.of_tag(tag));
    match (judged.enforced.level, rule) {
        (Level::Challenge, Some(rule)) => rule.counts.challenged.count(),
        (Level::Deny, Some(rule)) => rule.counts.denied.count(),
        _ => {}
    }
}

/// The number of fields that [`entry`] adds to a map.
pub(super) const ENTRY_FIELDS: usize = 13;

/// The fields of a ban or an allow entry.
pub(super) fn entry(call: &Call<'_>, key: BanKey, entry: &Entry, now: Timestamp) {
    let (target, source) = key;
    let hash = match target {
        Target::Who(who) => Some(who.hash.to_string()),
        Target::Block(_) => None,
    };
    let verdict = match source {
        Source::Allow => Level::Allow,
        _ if entry.denies => Level::Deny,
        _ => Level::Challenge,
    };
    let source = match source {
        Source::Allow => "allow",
        Source::Operator => "operator",
        Source::Rule(_) => "rule",
        Source::Observed(_) => "observed",
    };
    text(call, "subject", Some(&target.to_string()));
    text(call, "hash", hash.as_deref());
    text(call, "source", Some(source));
    text(call, "rule", Some(&*entry.rule).filter(|rule| !rule.is_empty()));
    text(call, "verdict", Some(verdict.name()));
    let number = |name, value| {
        call.reply_text(name);
        call.reply_integer(value);
    };
    number("from_ms", entry.from.0);
    number("until_ms", (now + entry.left(now)).0);
    number("strikes", entry.strikes.into());
    number("count", entry.count.into());
    number("window_ms", entry.window.0);
    for (name, value) in [("reason", &entry.reason), ("by", &entry.by), ("acl_user", &entry.acl_user)] {
        text(call, name, Some(&**value).filter(|value| !value.is_empty()));
    }
}

/// A field that is a text or nil.
pub(super) fn text(call: &Call<'_>, name: &str, value: Option<&str>) {
    call.reply_text(name);
    match value {
        Some(value) => call.reply_text(value),
        None => call.reply_null(),
    }
}
