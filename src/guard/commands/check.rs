//! `LW.CHECK key [IP ip] [USER user] [KEY k] [DEVICE id]`
//!
//! Returns what stands against the subjects, without counting anything. Replies as
//! [`LW.ATTEMPT`](super::attempt) does; `alerted` is 0.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::judge::{Judged, Level, judge};
use super::super::rule::Mode;
use super::super::value::Guard;
use super::super::{counters, rules};
use super::arguments::{DEVICE, IP, KEY, USER};
use super::reply;
use super::subjects::Subjects;

pub(crate) struct Check;

impl Command for Check {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.CHECK",
        flags: "readonly fast no-monitor no-slowlog",
        summary: c"Returns the bans and challenges that stand against an address, a user or a key.",
        complexity: c"O(log N) with N the number of subjects in the guard.",
        args: &[Param::KEY, IP.optional(), USER.optional(), KEY.optional(), DEVICE.optional()],
        at_least: 2,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let subjects = Subjects::parse(&given, &["IP", "USER", "KEY", "DEVICE"])?;
        if subjects.ip.is_none() && subjects.user.is_none() && subjects.key.is_none() {
            return Err(given.malformed("neither IP nor USER nor KEY is given").into());
        }
        let rules = rules::current();
        let guard_rules = rules.set.of_key(name.bytes())?;
        let key = call.read(name);
        let judged = match key.value::<Boxed<Guard>>()? {
            Some(guard) => {
                let ask = subjects.ask(&guard.header.hash_key);
                judge(&guard, &ask, rules.mode == Mode::Observe, call.now())
            }
            None => Judged::default(),
        };
        counters::CHECKS.count();
        if judged.enforced.level == Level::Deny {
            counters::CHECKS_DENIED.count();
        }
        reply::count(guard_rules, &judged);
        reply::verdict(call, &judged, false);
        Ok(())
    }
}
