//! The erasure under way. There is at most one.
//!
//! With a database:
//! 1. A thread asks Postgres whether it can be reached and lets the role delete. If not, the
//!    erasure ends and has changed nothing.
//! 2. The shipper ships what was recorded before the command. After that, neither the journal nor a
//!    batch in flight holds an event that could be stored after the deletion.
//! 3. The dead letters of the user are discarded.
//! 4. The thread deletes the rows.
//!
//! Without a database the dead letters are discarded first, so that none returns to the queue. Then
//! the thread finds the events of the user in a snapshot of the queue, and the scheduler removes
//! them, a portion before each sleep of the event loop.
//!
//! All changes are replicated as the numbers of the entries that are removed: the effects do not
//! hold the user. An event recorded after the command has a higher number than those before it, and
//! stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::outbox::effect::Change;
use crate::outbox::host::Host;
use crate::outbox::limits::Source;
use crate::server::blocked::Waiting;
use crate::server::error::Refusal;
use crate::server::log;
use crate::ship::SHIP;
use crate::text::time::Timestamp;

use super::super::entry::{ERASED, Fields};
use super::super::link::Failure;
use super::super::state::State;
use super::super::{counters, status, wake};
use super::rows::Rows;
use super::search::{self, PORTION, Range};
use super::worker::{self, Deletion, Work};
use lockwatch_common::postgres::target::Target;

/// The maximum time in which the shipper ships nothing of what was recorded before the command.
const STALLED: Duration = Duration::from_secs(60);

/// What the command asks for.
pub(crate) struct Request {
    /// The user, as events hold it.
    pub user: String,
    /// Who asked for it, as the caller says.
    pub by: Option<String>,
    /// The ACL user of the caller.
    pub acl_user: Option<String>,
}

struct Job {
    request: Request,
    client: Waiting,
    target: Option<Arc<Target>>,
    epoch: u64,
    /// The last number of the events recorded before the command.
    through: u64,
    stage: Stage,
    removed: Removed,
}

enum Stage {
    Asking(Work<Result<(), Failure>>),
    Draining {
        /// The number of the oldest event when something was shipped last.
        oldest: u64,
        since: Instant,
    },
    Deleting(Work<Deletion>),
    Searching(Work<Vec<Range>>),
    Removing(std::vec::IntoIter<Range>),
    Done,
}

/// The number of events removed.
#[derive(Default)]
struct Removed {
    journal: u64,
    dead: u64,
    /// `None` without a database.
    postgres: Option<u64>,
}

static JOB: Mutex<Option<Job>> = Mutex::new(None);

/// Only the main thread locks it.
fn lock() -> MutexGuard<'static, Option<Job>> {
    JOB.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses an erasure that can't begin now.
pub(crate) fn is_ready(state: &State) -> Result<(), Refusal> {
    if lock().is_some() {
        return Err(Refusal::Busy("another LW.AUDITLOG ERASE is under way"));
    }
    if state.target().is_some() && !SHIP.get() {
        return Err(Refusal::Unavailable(
            "lockwatch.ship is no, so this server changes nothing in Postgres and nothing was erased: \
             set it to yes, or postgres-url-file to nothing to erase here alone"
                .into(),
        ));
    }
    Ok(())
}

/// Begins an erasure, for which [`is_ready`]. `client` waits for the reply.
pub(crate) fn begin(state: &mut State, request: Request, client: Waiting) {
    let (epoch, through) = (state.contents().queue().epoch(), state.contents().queue().last_seq());
    let target = state.target().cloned();
    let mut removed = Removed::default();
    let stage = match &target {
        Some(target) => worker::ask(Arc::clone(target)).map(Stage::Asking),
        None => {
            let events = state.contents().queue().snapshot();
            let search = worker::search(events, request.user.clone(), through).map(Stage::Searching);
            if search.is_some() {
                removed.dead = discard_dead_letters(state, &request.user, through);
            }
            search
        }
    };
    match stage {
        Some(stage) => *lock() = Some(Job { request, client, target, epoch, through, stage, removed }),
        None => refuse(client, "the system has no thread to give: nothing was erased".into()),
    }
    wake::scheduler();
}

/// Does the next step of the erasure, if one is under way. On a primary that may replicate. Returns
/// whether it has ended.
pub(crate) fn advance(state: &mut State, now: Timestamp) -> bool {
    let mut job = lock();
    let Some(running) = &mut *job else { return false };
    let is_done = match running.advance(state) {
        Ok(false) => return false,
        Ok(true) => Ok(()),
        Err(why) => Err(why),
    };
    if let Some(job) = job.take() {
        match is_done {
            Ok(()) => job.finish(state, now),
            Err(why) => job.fail(&why),
        }
    }
    true
}

/// Ends the erasure, if one is under way: this server has become a replica.
pub(crate) fn abandon() {
    if let Some(job) = lock().take() {
        job.fail("this server has become a replica");
    }
}

impl Job {
    /// Returns whether all is erased; an error ends the erasure.
    fn advance(&mut self, state: &mut State) -> Result<bool, String> {
        // The numbers of events mean others in another epoch.
        if state.contents().queue().epoch() != self.epoch {
            return Err("the journal was loaded anew or purged meanwhile".into());
        }
        let is_same = match (&self.target, state.target()) {
            (Some(ours), Some(now)) => Arc::ptr_eq(ours, now) && SHIP.get(),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            return Err("postgres-url-file or ship was changed meanwhile".into());
        }
        let next = match &mut self.stage {
            Stage::Asking(work) => match work.result() {
                None => return Ok(false),
                Some(None) => return Err(PANICKED.into()),
                Some(Some(Err(failure))) => return Err(unreachable(&failure)),
                Some(Some(Ok(()))) => Stage::Draining { oldest: 0, since: Instant::now() },
            },
            Stage::Draining { oldest, since } => match state.contents().queue().front() {
                Some((id, _)) if id.seq <= self.through => {
                    if *oldest != id.seq {
                        (*oldest, *since) = (id.seq, Instant::now());
                    }
                    if since.elapsed() > STALLED {
                        return Err(format!(
                            "events recorded before the command still wait for Postgres: {}",
                            status::read().last_error
                        ));
                    }
                    return Ok(false);
                }
                _ => self.start_deletion(state)?,
            },
            Stage::Deleting(work) => match work.result() {
                None => return Ok(false),
                Some(None) => return Err(PANICKED.into()),
                Some(Some(Deletion { rows, failure })) => {
                    self.removed.postgres = Some(rows);
                    match failure {
                        Some(failure) => return Err(unreachable(&failure)),
                        None => Stage::Done,
                    }
                }
            },
            Stage::Searching(work) => match work.result() {
                None => return Ok(false),
                Some(None) => return Err(PANICKED.into()),
                Some(Some(ranges)) => Stage::Removing(ranges.into_iter()),
            },
            Stage::Removing(ranges) => {
                let mut asked = 0;
                let before = state.contents().queue().len();
                while asked < PORTION {
                    let Some((first, last)) = ranges.next() else { break };
                    state.outbox().change(Change::Remove(first, last));
                    asked += last - first + 1;
                }
                self.removed.journal += (before - state.contents().queue().len()) as u64;
                if ranges.len() == 0 { Stage::Done } else { return Ok(again()) }
            }
            Stage::Done => return Ok(true),
        };
        self.stage = next;
        Ok(matches!(self.stage, Stage::Done) || again())
    }

    fn start_deletion(&mut self, state: &mut State) -> Result<Stage, String> {
        let Some(target) = self.target.clone() else { return Ok(Stage::Done) };
        let rows = Rows { user: self.request.user.clone(), epoch: self.epoch, through: self.through };
        let work = worker::delete(target, rows).ok_or("the system has no thread to give")?;
        self.removed.dead = discard_dead_letters(state, &self.request.user, self.through);
        Ok(Stage::Deleting(work))
    }

    /// Records that it was done, and replies.
    fn finish(self, state: &mut State, now: Timestamp) {
        let Removed { journal, dead, postgres } = self.removed;
        let data = serde_json::json!({
            "journal": journal,
            "dead": dead,
            "postgres": postgres,
            "by": self.request.by,
            "acl_user": self.request.acl_user,
        });
        let data = data.to_string();
        let fields = Fields { kind: Some(ERASED), data: Some(&data), ..Fields::default() };
        let event = state.record(fields, now, now, Source::Module).ok();
        if event.is_none() {
            counters::REFUSED.count();
            wake::for_gap(now);
        }
        counters::ERASED.add(journal + dead + postgres.unwrap_or(0));
        self.client.answer(Box::new(move |call| {
            call.reply_map(4);
            call.reply_text("journal");
            call.reply_integer(journal);
            call.reply_text("dead");
            call.reply_integer(dead);
            call.reply_text("postgres");
            match postgres {
                Some(rows) => call.reply_integer(rows),
                None => call.reply_null(),
            }
            call.reply_text("event");
            match event {
                Some(id) => call.reply_text(id.to_text(&mut [0; 64])),
                None => call.reply_null(),
            }
            Ok(())
        }));
    }

    fn fail(self, why: &str) {
        let Removed { journal, dead, postgres } = self.removed;
        let done = match journal + dead + postgres.unwrap_or(0) {
            0 => "nothing was erased".to_owned(),
            some => {
                counters::ERASED.add(some);
                format!(
                    "only a part was erased (journal {journal}, dead letters {dead}, Postgres {}): repeat the command",
                    postgres.unwrap_or(0)
                )
            }
        };
        log::warning(&format!("LW.AUDITLOG ERASE has failed: {why}; {done}"));
        refuse(self.client, format!("{why}; {done}"));
    }
}

const PANICKED: &str = "an internal error ended it";

/// Has the scheduler run again as soon as the event loop has served others. Returns that the
/// erasure is not done.
fn again() -> bool {
    wake::from_thread();
    false
}

fn unreachable(failure: &Failure) -> String {
    format!("Postgres can't erase now: {}", failure.reason)
}

fn refuse(client: Waiting, why: String) {
    client.answer(Box::new(move |_| Err(Refusal::Unavailable(why.clone()))));
}

fn discard_dead_letters(state: &mut State, user: &str, through: u64) -> u64 {
    let letters = search::in_dead_letters(state.contents(), user, through);
    letters.iter().for_each(|seq| state.outbox().change(Change::Discard(*seq)));
    letters.len() as u64
}
