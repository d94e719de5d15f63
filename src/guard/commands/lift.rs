//! `LW.LIFT key IP ip|cidr | USER user | IP ip USER user | KEY k | HASH h | ALL [FORGET] [ALLOWED]
//! [BY text]`
//!
//! Ends the bans and challenges of a subject: of an address, or of all in a block; of a user and
//! all its pairs; of one pair (IP and USER); of a key; of the user or key that HASH names, as
//! LW.BANS shows it; or of everybody. Replies with the number of bans, challenges and allow entries
//! that have ended.
//!
//! - FORGET: forgets counts, strikes, and the known networks and devices as well.
//! - ALLOWED: ends allow entries as well.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::bans::{Entry, Source};
use super::super::lift::{self, Extent};
use super::super::native::update;
use super::super::value::Guard;
use super::super::{counters, report, rules};
use super::arguments::{self, BLOCK, BY, HASH, KEY, USER};
use super::whom::Whom;

pub(crate) struct Lift;

impl Command for Lift {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.LIFT",
        // The user is personal data.
        flags: "write admin no-monitor no-slowlog",
        summary: c"Ends the bans and challenges of an address, a user, a pair or a key.",
        complexity: c"O(M log N) with N the number of subjects in the guard and M those that are concerned; O(N) for a block and for ALL.",
        args: &[
            Param::KEY,
            BLOCK.optional(),
            USER.optional(),
            KEY.optional(),
            HASH.optional(),
            Param::word(c"ALL", c"all").optional(),
            Param::word(c"FORGET", c"forget").optional(),
            Param::word(c"ALLOWED", c"allowed").optional(),
            BY.optional(),
        ],
        at_least: 2,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (key, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let whom = Whom::parse(&given, given.has("ALL"))?;
        let extent = Extent { forget: given.has("FORGET"), allowed: given.has("ALLOWED") };
        let by = arguments::text(&given, "BY");
        let acl_user = arguments::acl_user(call);
        let rules = rules::current();
        let guard_rules = rules.set.of_key(key.bytes())?;
        let now = call.now();
        if call.read(key).value::<Boxed<Guard>>()?.is_none() {
            call.reply_integer(0);
            return Ok(());
        }
        let ended = update(call, call.write(key), guard_rules, now, |edit| {
            let targets = whom.targets(edit.guard);
            let ended = lift::lift(edit, &targets, extent);
            // What FORGET removes is reported too, even if nothing was in force.
            if ended > 0 || (extent.forget && edit.is_changed()) {
                let entry = Entry { by, acl_user, ..Entry::of_operator(now, now, Source::Operator) };
                let deed = report::Deed::Ended(ended, &entry);
                report::by_operator(call, report::LIFT, whom.shown(edit.guard), deed, &whom.subjects(), now);
            }
            ended
        })?;
        counters::LIFTED.add(ended);
        call.reply_integer(ended);
        Ok(())
    }
}
