//! The thread that answers LW.AUDITLOG QUERY: it filters the journal's snapshot, asks Postgres, and joins the two.
//!
//! The snapshot is taken first, on the main thread. An event that is not in it was in Postgres before: so nothing is
//! missed, and what is in both is listed once.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tokio::runtime;

use crate::journal::snapshot::Snapshot;
use crate::server::blocked::Waiting;
use crate::server::error::Refusal;

use super::super::entry::Entry;
use super::super::link::{Failure, Link};
use super::super::target::Target;
use super::page::Page;
use super::record::{self, Found};
use super::search::{in_journal, joined};
use super::sql::{self, Query};

/// How many questions may wait.
const MOST_WAITING: usize = 32;

/// How long a client waits for its answer: a link may have to be made first.
pub const PATIENCE: Duration = Duration::from_secs(75);

/// How long a link is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// A thread's stack: several times what TLS and a page take.
const STACK_BYTES: usize = 2 << 20;

/// A question, and who waits for the answer.
pub struct Question {
    /// What is asked for.
    pub page: Page,
    /// The journal as it was then.
    pub journal: Snapshot<Entry>,
    /// Where the rest is, if anywhere.
    pub target: Option<Arc<Target>>,
    /// Who waits.
    pub asker: Asker,
}

/// A client that waits. It is answered in any case: if not before, then when this is dropped.
pub struct Asker(Option<Waiting>);

impl Asker {
    /// The client of a call that waits.
    pub fn new(waiting: Waiting) -> Self {
        Self(Some(waiting))
    }

    fn answer(mut self, found: Result<Vec<Found>, Failure>) {
        let Some(waiting) = self.0.take() else { return };
        waiting.answer(Box::new(move |call| match &found {
            Ok(found) => {
                record::reply(call, found);
                Ok(())
            }
            Err(failure) => {
                Err(Refusal::Unavailable(format!("Postgres can't be asked now: {}", failure.reason)))
            }
        }));
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        if let Some(waiting) = self.0.take() {
            waiting.answer(Box::new(|_| Err(Refusal::Unavailable("an internal error ended it".into()))));
        }
    }
}

static QUESTIONS: Mutex<Option<Sender<Question>>> = Mutex::new(None);

/// Whether another question may be asked, and somebody is there to answer it. Only the main thread asks: so it stays true
/// until it does.
pub fn is_ready() -> Result<(), Refusal> {
    let mut questions = QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if questions.as_ref().is_some_and(Sender::is_full) {
        return Err(Refusal::Busy("too many LW.AUDITLOG QUERY are under way"));
    }
    if questions.is_none() {
        let (sender, asked) = bounded(MOST_WAITING);
        let thread = Builder::new().name("lw-audit-query".into()).stack_size(STACK_BYTES);
        thread
            .spawn(move || serve(&asked))
            .map_err(|_| Refusal::Unavailable("the system has no thread to give".into()))?;
        *questions = Some(sender);
    }
    Ok(())
}

/// Asks.
pub fn ask(question: Question) {
    let mut questions = QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*questions {
        // Without the thread, the question comes back and is dropped, which answers it; the next one starts another.
        if sender.try_send(question).is_err() {
            *questions = None;
        }
    }
}

/// Answers until nobody can ask any more.
fn serve(asked: &Receiver<Question>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return };
    let mut link: Option<(Arc<Target>, Link)> = None;
    loop {
        match asked.recv_timeout(IDLE) {
            Ok(Question { page, journal, target, asker }) => {
                let held = in_journal(&journal, &page);
                // It keeps events in memory that have been shipped since.
                drop(journal);
                let found = match target {
                    None => Ok(held),
                    Some(target) => runtime.block_on(stored(&mut link, &target, &page)).map(|stored| {
                        let (count, stored) = (page.count, stored);
                        joined(held, stored, count)
                    }),
                };
                asker.answer(found);
            }
            Err(RecvTimeoutError::Timeout) => link = None,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    runtime.shutdown_background();
}

/// What Postgres has of a page.
async fn stored(
    link: &mut Option<(Arc<Target>, Link)>,
    target: &Arc<Target>,
    page: &Page,
) -> Result<Vec<Found>, Failure> {
    let query = Query::of(page);
    let is_good = match &*link {
        Some((known, link)) => Arc::ptr_eq(known, target) && !link.is_closed().await,
        None => false,
    };
    if is_good {
        if let Some((_, open)) = &*link {
            match open.query(&query.text, &query.parameters()).await {
                Ok(rows) => return rows.iter().map(sql::found).collect(),
                // Postgres has answered: it will say the same again.
                Err(failure) if failure.code.is_some() => {
                    *link = None;
                    return Err(failure);
                }
                // The link was dead, most likely: a fresh one may not be.
                Err(_) => {}
            }
        }
    }
    *link = None;
    let fresh = Link::open(target).await?;
    let rows = fresh.query(&query.text, &query.parameters()).await?;
    *link = Some((Arc::clone(target), fresh));
    rows.iter().map(sql::found).collect()
}
