//! The thread that answers LW.AUDITLOG QUERY: it filters the journal's snapshot, asks Postgres, and joins the two.
//!
//! The snapshot is taken first, on the main thread. An event that is not in it was in Postgres before: so nothing is
//! missed, and what is in both is listed once. The snapshot is let go of before Postgres is asked, however long that takes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

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

/// How many questions may be under way.
const MOST_ASKERS: usize = 32;

/// How many of them Postgres is asked at a time.
const MOST_LINKS: usize = 4;

/// How long a client waits for its answer: others may be before it, and a link may have to be made first.
const PATIENCE: Duration = Duration::from_secs(75);

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

/// How many there are.
static ASKERS: AtomicUsize = AtomicUsize::new(0);

impl Asker {
    /// The client of a call that waits.
    pub fn new(waiting: Waiting) -> Self {
        ASKERS.fetch_add(1, Ordering::Relaxed);
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
                // What Postgres itself says is for administrators, who find it in INFO and in its log.
                let reason = match &failure.code {
                    Some(code) => format!("it answered SQLSTATE {code}"),
                    None => failure.reason.clone(),
                };
                Err(Refusal::Unavailable(format!("Postgres can't be asked now: {reason}")))
            }
        }));
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        ASKERS.fetch_sub(1, Ordering::Relaxed);
        if let Some(waiting) = self.0.take() {
            waiting.answer(Box::new(|_| Err(Refusal::Unavailable("an internal error ended it".into()))));
        }
    }
}

static QUESTIONS: Mutex<Option<UnboundedSender<Question>>> = Mutex::new(None);

/// Whether another question may be asked, and somebody is there to answer it. Only the main thread asks: so it stays true
/// until it does.
pub fn is_ready() -> Result<(), Refusal> {
    if ASKERS.load(Ordering::Relaxed) >= MOST_ASKERS {
        return Err(Refusal::Busy("too many LW.AUDITLOG QUERY are under way"));
    }
    let mut questions = QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if questions.as_ref().is_none_or(UnboundedSender::is_closed) {
        let (sender, asked) = unbounded_channel();
        let thread = Builder::new().name("lw-audit-query".into()).stack_size(STACK_BYTES);
        thread
            .spawn(move || serve(asked))
            .map_err(|_| Refusal::Unavailable("the system has no thread to give".into()))?;
        *questions = Some(sender);
    }
    Ok(())
}

/// Asks.
pub fn ask(question: Question) {
    let questions = QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*questions {
        // Without the thread the question comes back and is dropped, which answers it.
        let _ = sender.send(question);
    }
}

/// Answers until nobody can ask any more.
fn serve(mut asked: UnboundedReceiver<Question>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return };
    let pool = Rc::new(Pool { links: RefCell::default(), asking: Semaphore::new(MOST_LINKS) });
    LocalSet::new().block_on(&runtime, async {
        loop {
            match timeout(IDLE, asked.recv()).await {
                Ok(Some(question)) => take(question, &pool),
                Ok(None) => break,
                Err(_) => pool.tidy(),
            }
        }
    });
    runtime.shutdown_background();
}

fn take(question: Question, pool: &Rc<Pool>) {
    let Question { page, journal, target, asker } = question;
    let held = in_journal(&journal, &page);
    // It keeps events in memory that have been shipped since.
    drop(journal);
    let Some(target) = target else { return asker.answer(Ok(held)) };
    let pool = Rc::clone(pool);
    spawn_local(async move {
        let stored = timeout(PATIENCE, pool.ask(&target, &page)).await;
        let stored = stored.unwrap_or_else(|_| Err(Failure::other("it took too long")));
        asker.answer(stored.map(|stored| joined(held, stored, page.count)));
    });
}

/// Links that are kept for the next question.
struct Pool {
    links: RefCell<Vec<Kept>>,
    asking: Semaphore,
}

struct Kept {
    target: Arc<Target>,
    link: Link,
    since: Instant,
}

impl Pool {
    /// What Postgres has of a page.
    async fn ask(&self, target: &Arc<Target>, page: &Page) -> Result<Vec<Found>, Failure> {
        let _turn = self.asking.acquire().await.map_err(|_| Failure::other("it ends"))?;
        let query = Query::of(page);
        if let Some(link) = self.kept(target).await {
            match link.query(&query.text, &query.parameters()).await {
                Ok(rows) => {
                    self.keep(target, link);
                    return rows.iter().map(sql::found).collect();
                }
                // Postgres has answered: it will say the same again.
                Err(failure) if failure.code.is_some() => return Err(failure),
                // The link was dead, most likely: a fresh one may not be.
                Err(_) => {}
            }
        }
        let link = Link::open(target).await?;
        let rows = link.query(&query.text, &query.parameters()).await?;
        self.keep(target, link);
        rows.iter().map(sql::found).collect()
    }

    /// A link to `target` that seems to be up.
    async fn kept(&self, target: &Arc<Target>) -> Option<Link> {
        loop {
            let Kept { target: its, link, .. } = self.links.borrow_mut().pop()?;
            if Arc::ptr_eq(&its, target) && !link.is_closed().await {
                return Some(link);
            }
        }
    }

    fn keep(&self, target: &Arc<Target>, link: Link) {
        let target = Arc::clone(target);
        self.links.borrow_mut().push(Kept { target, link, since: Instant::now() });
    }

    /// Closes the links that nobody has used for a while.
    fn tidy(&self) {
        self.links.borrow_mut().retain(|kept| kept.since.elapsed() < IDLE);
    }
}
