//! DEAD, REPLAY, DISCARD and HELP of an outbox.

use std::marker::PhantomData;

use crate::journal::id::Id;
use crate::journal::queue::Event;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::arguments::{WHICH, which};
use super::dead::DeadLetter;
use super::effect::Change;
use super::extension::Extension;
use super::host::{Host, edit};
use super::page::{self, Page, Weight};

type Entry<H> = <<H as Host>::Extension as Extension>::Entry;
type Cause<H> = <<H as Host>::Extension as Extension>::Cause;

/// Bases of the specs.
pub(crate) const DEAD: Spec = Spec {
    complexity: c"O(N) with N the number of dead letters listed.",
    args: page::ARGS,
    ..Spec::ADMIN_READ
};
pub(crate) const CHANGE: Spec =
    Spec { complexity: c"O(N) with N the number of dead letters.", args: &[WHICH], ..Spec::ADMIN_WRITE };

/// What the commands of one outbox add to the shared ones.
pub(crate) trait Managed: Host {
    const DEAD: &'static Spec;
    const REPLAY: &'static Spec;
    const DISCARD: &'static Spec;
    const HELP: &'static Spec;
    const CONTAINER: &'static Spec;
    /// The subcommands that HELP lists.
    const SUBCOMMANDS: &'static [&'static Spec];

    /// Replies with a map: a dead letter and one of its causes.
    fn reply_dead(call: &Call<'_>, letter: &DeadLetter<Entry<Self>, Cause<Self>>, cause: &Cause<Self>);

    /// Puts the dead letter of `id` back into the queue.
    fn replay(&mut self, id: Id) {
        self.outbox().change(Change::Replay(id.seq));
        self.invalidate();
    }

    /// Deletes the queued entry of `id`, if DISCARD may do that. Returns whether it did.
    fn discard_queued(&mut self, _id: Id) -> bool {
        false
    }
}

/// More values than a dead letter takes in the reply to DEAD.
const VALUES: usize = 40;

/// `DEAD [COUNT n] [BEFORE id]`: the dead letters, newest first, each with all its causes.
pub(crate) struct Dead<H>(PhantomData<H>);

impl<H: Managed> Command for Dead<H> {
    const SPEC: &'static Spec = H::DEAD;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let page = Page::parse(call, H::DEAD)?;
        let mut state = H::lock();
        let letters = page.cut(state.outbox().dead().before(page.before()), |letter| {
            let records = letter.causes.len();
            Weight { records, values: records * VALUES, bytes: records * letter.entry.size() }
        });
        call.reply_array(letters.iter().map(|letter| letter.causes.len()).sum());
        for letter in letters {
            letter.causes.iter().for_each(|cause| H::reply_dead(call, letter, cause));
        }
        Ok(())
    }
}

/// `REPLAY id|ALL`: puts dead letters back into the queue. Replies with their number.
pub(crate) struct Replay<H>(PhantomData<H>);

impl<H: Managed> Command for Replay<H> {
    const SPEC: &'static Spec = H::REPLAY;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call, H::REPLAY)?;
        call.require_primary()?;
        let replayed = edit(call, |state: &mut H| for_dead(state, which, H::replay));
        H::wake_scheduler();
        call.reply_integer(replayed as u64);
        Ok(())
    }
}

/// `DISCARD id|ALL`: deletes dead letters. Replies with their number.
pub(crate) struct Discard<H>(PhantomData<H>);

impl<H: Managed> Command for Discard<H> {
    const SPEC: &'static Spec = H::DISCARD;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call, H::DISCARD)?;
        call.require_primary()?;
        let discarded = edit(call, |state: &mut H| {
            let dead = for_dead(state, which, |state, id| state.outbox().change(Change::Discard(id.seq)));
            dead + usize::from(which.is_some_and(|id| state.discard_queued(id)))
        });
        H::wake_scheduler();
        call.reply_integer(discarded as u64);
        Ok(())
    }
}

/// Calls `f` for the dead letter of `id`, or for all. Returns the number of their causes.
pub(crate) fn for_dead<H: Managed>(state: &mut H, id: Option<Id>, f: impl Fn(&mut H, Id)) -> usize {
    let letters = state.outbox().dead().iter().filter(|letter| id.is_none_or(|id| letter.id == id));
    let letters: Vec<_> = letters.map(|letter| (letter.id, letter.causes.len())).collect();
    letters.iter().for_each(|(id, _)| f(state, *id));
    letters.iter().map(|(_, causes)| causes).sum()
}

/// `HELP`: a line for each subcommand, and one for what it does.
pub(crate) struct Help<H>(PhantomData<H>);

impl<H: Managed> Command for Help<H> {
    const SPEC: &'static Spec = H::HELP;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        H::CONTAINER.reply_help(call, H::SUBCOMMANDS);
        Ok(())
    }
}
