//! `LW.BAN key IP ip|cidr | USER user | KEY k FOR d [REASON text] [BY text]` and `LW.ALLOW` with
//! the same arguments.
//!
//! LW.BAN denies the subject until the time is over, whatever rules say. LW.ALLOW lets an address or
//! a key pass all rules; for a user, for at most seven days, it ends and suspends challenges, while
//! bans of addresses still hold. Both reply with the end in Unix milliseconds.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::options::Given;
use crate::text::syntax::Param;
use crate::text::time::Span;

use super::super::address::Block;
use super::super::bans::{Entry, Source, Target};
use super::super::edit::Edit;
use super::super::hash::HashKey;
use super::super::native::update;
use super::super::subject::Who;
use super::super::{decide, report, rules};
use super::arguments::{self, BLOCK, BY, FOR, KEY, REASON, USER};
use super::subjects::{Subjects, name};

/// How long LW.ALLOW may suspend the challenges of a user.
const MOST_FOR_USER: Span = Span(7 * 86_400_000);

const ARGS: &[Param] =
    &[Param::KEY, Param::one_of(c"subject", &[BLOCK, USER, KEY]), FOR, REASON.optional(), BY.optional()];

/// The flags of both. The user is personal data.
const FLAGS: &str = "write admin deny-oom no-monitor no-slowlog";

pub(crate) struct Ban;

impl Command for Ban {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.BAN",
        flags: FLAGS,
        summary: c"Bans an address, a block of addresses, a user or a key.",
        complexity: c"O(log N) with N the number of subjects in the guard.",
        args: ARGS,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        set(call, Self::SPEC, Source::Operator, report::BAN)
    }
}

pub(crate) struct Allow;

impl Command for Allow {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALLOW",
        flags: FLAGS,
        summary: c"Lets an address, a block of addresses or a key pass all rules, or ends the challenges of a user.",
        complexity: c"O(log N + M) with N the number of subjects in the guard and M the pairs of the user.",
        args: ARGS,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        set(call, Self::SPEC, Source::Allow, report::ALLOW)
    }
}

/// Whom an operator names.
#[derive(Clone, Copy)]
pub(super) enum Named<'a> {
    Block(Block),
    User(&'a [u8]),
    Key(&'a [u8]),
}

impl<'a> Named<'a> {
    pub(super) fn parse(given: &Given<'a>) -> Result<Option<Self>, Refusal> {
        let block = given.optional("IP", Block::read)?.map(Self::Block);
        let user = given.optional("USER", name)?.map(Self::User);
        let key = given.optional("KEY", name)?.map(Self::Key);
        Ok(block.or(user).or(key))
    }

    pub(super) fn target(self, hash_key: &HashKey) -> Target {
        match self {
            Self::Block(block) => Target::Block(block),
            Self::User(user) => Target::Who(Who::user(hash_key.user(user))),
            Self::Key(key) => Target::Who(Who::key(hash_key.key(key))),
        }
    }

    /// The same as plain text, for alerts and audit events.
    pub(super) fn subjects(self) -> Subjects<'a> {
        match self {
            Self::Block(block) => Subjects { ip: block.single(), ..Subjects::default() },
            Self::User(user) => Subjects { user: Some(user), ..Subjects::default() },
            Self::Key(key) => Subjects { key: Some(key), ..Subjects::default() },
        }
    }
}

fn set(call: &Call<'_>, spec: &'static Spec, source: Source, kind: &'static str) -> Result<(), Refusal> {
    let (key, _) = call.key_and_args();
    let given = spec.parse(call)?;
    let lasts = given.required("FOR", arguments::duration)?;
    let (reason, by) = (arguments::text(&given, "REASON"), arguments::text(&given, "BY"));
    let named = Named::parse(&given)?;
    let named = named.ok_or_else(|| given.malformed("neither IP nor USER nor KEY is given"))?;
    if source == Source::Allow && matches!(named, Named::User(_)) && lasts > MOST_FOR_USER {
        return Err(given.malformed("FOR is longer than 7 days (7d), which is the most for a user").into());
    }
    let acl_user = arguments::acl_user(call);
    let rules = rules::current();
    let guard_rules = rules.set.of_key(key.bytes())?;
    let now = call.now();
    let until = now + lasts;
    let entry = Entry { reason, by, acl_user, ..Entry::of_operator(now, until, source) };
    let has_room = update(call, call.write(key), guard_rules, now, |edit| {
        let target = named.target(&edit.guard.header.hash_key);
        let has_room = edit.set_ban((target, source), entry.clone());
        if has_room {
            if source == Source::Allow {
                end_challenges(edit, target);
            }
            let deed = report::Deed::Set(&entry);
            report::by_operator(call, kind, Some(target.to_string()), deed, &named.subjects(), now);
        }
        has_room
    })?;
    if !has_room {
        return Err(Refusal::Full(
            "the guard holds as many bans and allow entries as it may: see LW.BANS and LW.LIFT".into(),
        ));
    }
    call.reply_integer(until.0);
    Ok(())
}

/// Ends the challenges of a user that is allowed, and of its pairs.
fn end_challenges(edit: &mut Edit<'_>, target: Target) {
    let Target::Who(who) = target else { return };
    if who.is_user() {
        let now = edit.now;
        for who in decide::people_of(edit, who.hash) {
            if edit.guard.people.get(&who).is_some_and(|state| !state.challenges().is_empty()) {
                edit.existing_person(who, |state| state.end_challenges(now));
            }
        }
    }
}
