//! `LW.WHY key IP ip | USER user | IP ip USER user | KEY k | HASH h`
//!
//! Explains what a call about the subject would be told, and from what. Replies with a map:
//!
//! - `subject`, and the `hash` of the user or key, which HASH accepts
//! - `verdict` (`allow`, `challenge`, `deny`), `rule`, `retry_after_ms`, and `would`, the verdict if
//!   observed rules were enforced
//! - `known_networks` and `known_devices`: how many of the user are remembered
//! - `entries`: bans, allow entries and observed ones, as LW.BANS shows them
//! - `challenges`: `subject`, `rule`, `verdict`, `from_ms`, `until_ms`
//! - `counts`: `subject`, `rule`, `units`, `count` (the number at which one more fires the rule),
//!   `window_ms`, `strikes`, `quiet_until_ms`

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::super::bans::{BanKey, Entry};
use super::super::edit::count_of;
use super::super::explain::{Explained, explain};
use super::super::judge::judge;
use super::super::rule::Mode;
use super::super::rules;
use super::super::ruleset::GuardRules;
use super::super::state::State;
use super::super::value::Guard;
use super::arguments::{BLOCK, HASH, KEY, USER};
use super::reply;
use super::whom::Whom;

pub(crate) struct Why;

impl Command for Why {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.WHY",
        // The user is personal data.
        flags: "readonly admin no-monitor no-slowlog",
        summary: c"Explains what stands against an address, a user, a pair or a key, and from what.",
        complexity: c"O(M log N) with N the number of subjects in the guard and M those that are concerned.",
        args: &[Param::KEY, BLOCK.shown(c"ip").optional(), USER.optional(), KEY.optional(), HASH.optional()],
        at_least: 2,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let whom = Whom::parse(&given, false)?;
        if whom.is_wide() {
            return Err(given.malformed("IP is a block of addresses: LW.BANS lists what stands").into());
        }
        let rules = rules::current();
        let guard_rules = rules.set.of_key(name.bytes())?;
        let key = call.read(name);
        let value = key.value::<Boxed<Guard>>()?;
        let empty = Guard::default();
        let guard: &Guard = value.as_deref().map_or(&empty, |guard| guard);
        let now = call.now();
        let explained = explain(guard, &whom.targets(guard), &whom.subjects().ask(&guard.header.hash_key));
        let judged = judge(guard, &explained.ask, rules.mode == Mode::Observe, now);
        call.reply_map(11);
        let shown = value.as_ref().and_then(|guard| whom.shown(guard));
        reply::text(call, "subject", shown.as_deref());
        let hash = explained.user().filter(|_| value.is_some());
        reply::text(call, "hash", hash.map(|hash| hash.to_string()).as_deref());
        reply::text(call, "verdict", Some(judged.enforced.level.name()));
        reply::text(call, "rule", judged.enforced.rule.as_deref());
        call.reply_text("retry_after_ms");
        call.reply_integer(judged.enforced.left.0);
        reply::text(call, "would", Some(judged.would.level.name()));
        let (networks, devices) = explained.known(guard, now);
        for (field, number) in [("known_networks", networks), ("known_devices", devices)] {
            call.reply_text(field);
            call.reply_integer(number as u64);
        }
        entries(call, &explained.entries(guard, now), now);
        challenges(call, &explained, guard, now);
        counts(call, &explained, guard, guard_rules, now);
        Ok(())
    }
}

fn entries(call: &Call<'_>, entries: &[(BanKey, &Entry)], now: Timestamp) {
    call.reply_text("entries");
    call.reply_array(entries.len());
    for (key, entry) in entries {
        call.reply_map(reply::ENTRY_FIELDS);
        reply::entry(call, *key, entry, now);
    }
}

fn challenges(call: &Call<'_>, explained: &Explained, guard: &Guard, now: Timestamp) {
    let states = explained.states(guard);
    let all = states.iter().flat_map(|(subject, _, state)| {
        let live = state.challenges().iter().filter(|one| one.left(now).0 > 0);
        live.map(move |one| (subject, one))
    });
    let all: Vec<_> = all.collect();
    call.reply_text("challenges");
    call.reply_array(all.len());
    for (subject, one) in all {
        call.reply_map(5);
        reply::text(call, "subject", Some(subject));
        reply::text(call, "rule", Some(&one.rule));
        reply::text(call, "verdict", Some(if one.denies { "deny" } else { "challenge" }));
        for (field, at) in [("from_ms", one.from), ("until_ms", now + one.left(now))] {
            call.reply_text(field);
            call.reply_integer(at.0);
        }
    }
}

fn counts(call: &Call<'_>, explained: &Explained, guard: &Guard, rules: &GuardRules, now: Timestamp) {
    let states = explained.states(guard);
    let all = states.iter().flat_map(|(subject, is_wide, state)| {
        let tags = tags(state);
        tags.into_iter().filter_map(move |tag| {
            let count = count_of(rules, tag, *is_wide)?;
            Some((subject, rules.of_tag(tag)?, count, *state))
        })
    });
    let all: Vec<_> = all.collect();
    call.reply_text("counts");
    call.reply_array(all.len());
    for (subject, rule, count, state) in all {
        let counted = state.rules().iter().find(|counted| counted.tag == rule.tag);
        let (most, window) = count.numbers();
        call.reply_map(7);
        reply::text(call, "subject", Some(subject));
        reply::text(call, "rule", Some(&rule.name));
        for (field, number) in [
            ("units", counted.map_or(0, |counted| counted.counter.units(&count, now).into())),
            ("count", most.into()),
            ("window_ms", window.0),
            ("strikes", state.strikes(rule.tag).at(now).into()),
            ("quiet_until_ms", counted.map_or(0, |counted| counted.quiet_until.0)),
        ] {
            call.reply_text(field);
            call.reply_integer(number);
        }
    }
}

/// The rules of which a subject has counts or strikes.
fn tags(state: &State) -> Vec<super::super::rule::Tag> {
    let counts = state.rules().iter().map(|counted| counted.tag);
    let mut tags: Vec<_> = counts.chain(state.all_strikes().iter().map(|(tag, _)| *tag)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}
