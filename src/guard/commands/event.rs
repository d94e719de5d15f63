//! `LW.EVENT key kind [IP ip] [USER user] [KEY k] [VALUE v] [DEVICE id]`
//!
//! Reports the outcome of an attempt to log in, or any other event that rules count. Replies as
//! [`LW.ATTEMPT`](super::attempt) does: with what stands afterwards.
//!
//! Kinds with a meaning: `success` (the login is complete), `password` (the first factor was right,
//! and another one follows), `failure`, `unknown` (there is no such user), `mfa` (the second factor
//! was wrong) and `reset` (the user's password was changed). Other kinds are words of the
//! application, such as `404`.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::native::update;
use super::super::rule::Kind;
use super::super::{counters, decide, report, rules, terms};
use super::arguments::{DEVICE, IP, KEY, USER, VALUE};
use super::reply;
use super::subjects::Subjects;

/// The longest kind, in bytes.
const MOST_KIND: usize = 32;

pub(crate) struct Event;

impl Command for Event {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.EVENT",
        flags: "write fast no-monitor no-slowlog",
        summary: c"Reports the outcome of an attempt to log in, or another event that rules count.",
        complexity: c"O(R log N) with R the number of rules that count the kind and N the number of subjects in the guard; O(M) for reset, with M the pairs of the user.",
        args: &[
            Param::KEY,
            Param::string(c"kind"),
            IP.optional(),
            USER.optional(),
            KEY.optional(),
            VALUE.optional(),
            DEVICE.optional(),
        ],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let kind = given.required("kind", kind)?;
        let subjects = Subjects::parse(&given, &["IP", "USER", "KEY", "VALUE", "DEVICE"])?;
        if subjects.ip.is_none() && subjects.user.is_none() && subjects.key.is_none() {
            return Err(given.malformed("neither IP nor USER nor KEY is given").into());
        }
        let rules = rules::current();
        let guard_rules = rules.set.of_key(name.bytes())?;
        let now = call.now();
        let (judged, alerted) = update(call, call.write(name), guard_rules, now, |edit| {
            let ask = subjects.ask(&edit.guard.header.hash_key);
            let decision = decide::event(edit, &kind, &ask, terms::of(&rules));
            let local = &mut edit.guard.local;
            let alerted = report::incidents(call, &decision.incidents, &subjects, local, now);
            (decision.judged, alerted)
        })?;
        match kind {
            Kind::Other(_) | Kind::Reset => counters::EVENTS.count(),
            _ => counters::OUTCOMES.count(),
        }
        if kind == Kind::Success {
            counters::SUCCESSES.count();
        }
        reply::count(guard_rules, &judged);
        reply::verdict(call, &judged, alerted);
        Ok(())
    }
}

fn kind(text: &[u8]) -> Result<Kind, String> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let is_kind = (1..=MOST_KIND).contains(&text.len()) && text.iter().all(is_word);
    let word = std::str::from_utf8(text).ok().filter(|_| is_kind);
    let word = word.ok_or("is not a word of up to 32 letters, digits, dots, hyphens and underscores")?;
    match Kind::of(&word.to_ascii_lowercase()) {
        Kind::Attempt | Kind::Open => Err("is counted by LW.ATTEMPT".to_owned()),
        kind => Ok(kind),
    }
}
