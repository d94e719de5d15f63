//! `LW.ATTEMPT key [IP ip] [USER user] [DEVICE id] [VALUE v] [SOLVED]`
//!
//! Asks, before a password is checked, whether the attempt to log in may go on, and counts it at
//! once. At least IP or USER is needed. Replies with six values:
//!
//! 1. `verdict`: 0 allow, 1 challenge (require a second factor or a CAPTCHA), 2 deny
//! 2. `retry_after_ms`: how long a denial lasts; else 0
//! 3. `rule`: the rule that decided; `operator` for an operator's ban; nil if allowed
//! 4. `strikes`: how many earlier bans made this one longer
//! 5. `would`: the verdict if observed rules were enforced
//! 6. `alerted`: 1 if the call has raised an alert
//!
//! - DEVICE: what the application recognises the device by, such as a cookie.
//! - VALUE: a short keyed digest of the password. A password that the pair of user and address has
//!   tried lately is not counted again.
//! - SOLVED: the challenge was passed. The verdict is 0 in place of 1, and the attempt is counted.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::judge::Level;
use super::super::native::update;
use super::super::{counters, decide, report, rules, terms};
use super::arguments::{DEVICE, IP, USER, VALUE};
use super::reply;
use super::subjects::Subjects;

pub(crate) struct Attempt;

impl Command for Attempt {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ATTEMPT",
        flags: "write fast no-monitor no-slowlog",
        summary: c"Asks whether an attempt to log in may go on, and counts it.",
        complexity: c"O(R log N) with R the number of rules that count attempts and N the number of subjects in the guard.",
        args: &[
            Param::KEY,
            IP.optional(),
            USER.optional(),
            DEVICE.optional(),
            VALUE.optional(),
            Param::word(c"SOLVED", c"solved").optional(),
        ],
        at_least: 2,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let subjects = Subjects::parse(&given, &["IP", "USER", "DEVICE", "VALUE"])?;
        let solved = given.has("SOLVED");
        if subjects.ip.is_none() && subjects.user.is_none() {
            return Err(given.malformed("neither IP nor USER is given").into());
        }
        let rules = rules::current();
        let guard_rules = rules.set.of_key(name.bytes())?;
        let now = call.now();
        let (judged, alerted) = update(call, call.write(name), guard_rules, now, |edit| {
            let ask = subjects.ask(&edit.guard.header.hash_key);
            let decision = decide::attempt(edit, &ask, solved, terms::of(&rules));
            let local = &mut edit.guard.local;
            let alerted = report::incidents(call, &decision.incidents, &subjects, local, now);
            (decision.judged, alerted)
        })?;
        counters::ATTEMPTS.count();
        match judged.enforced.level {
            Level::Allow => counters::ADMITTED.count(),
            Level::Challenge => counters::CHALLENGED.count(),
            Level::Deny => counters::DENIED.count(),
        }
        reply::count(guard_rules, &judged);
        reply::verdict(call, &judged, alerted);
        Ok(())
    }
}
