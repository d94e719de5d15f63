//! The thread that answers LW.AUDITLOG QUERY: it searches a snapshot of the queue, then Postgres,
//! and joins the results.
//!
//! The main thread takes the snapshot first. An event that is not in it was in Postgres before, so
//! none is missed; an event of both is listed once. The snapshot is dropped before Postgres is
//! asked, because it keeps events in memory.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use crate::journal::queue::Snapshot;
use crate::server::blocked::Waiting;
use crate::server::error::Refusal;
use crate::server::thread::{panic_if_asked, spawn};

use super::super::entry::{Entry, Record};
use super::super::link::{Failure, Link};
use super::super::target::Target;
use super::page::Page;
use super::record;
use super::search::{in_queue, joined};
use super::sql::{self, Query};

/// The maximum number of queries at a time.
const MAX_ASKERS: usize = 32;

/// The maximum number of queries that Postgres runs at a time.
const MAX_LINKS: usize = 4;

/// The maximum time that Postgres may take for a query, including those before it and connecting.
const TIMEOUT: Duration = Duration::from_secs(75);

/// How long an unused link is kept.
const IDLE: Duration = Duration::from_secs(60);

/// The stack of the thread: several times what TLS and a page take.
const STACK_BYTES: usize = 2 << 20;

pub(crate) struct Question {
    pub page: Page,
    pub events: Snapshot<Entry>,
    /// The database with the other events, if there is one.
    pub target: Option<Arc<Target>>,
    pub asker: Asker,
}

/// A client that waits. It is answered at the latest when this is dropped.
pub(crate) struct Asker(Option<Waiting>);

/// The number of clients that wait.
static ASKERS: AtomicUsize = AtomicUsize::new(0);

impl Asker {
    pub(crate) fn new(waiting: Waiting) -> Self {
        ASKERS.fetch_add(1, Ordering::Relaxed);
        Self(Some(waiting))
    }

    fn answer(mut self, found: Result<Vec<Record>, Failure>) {
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
        ASKERS.fetch_sub(1, Ordering::Relaxed);
        if let Some(waiting) = self.0.take() {
            waiting.answer(Box::new(|_| Err(Refusal::Unavailable("an internal error ended it".into()))));
        }
    }
}

static QUESTIONS: Mutex<Option<UnboundedSender<Question>>> = Mutex::new(None);

/// Starts the thread if necessary, and refuses if too many questions are pending. Only the main
/// thread asks, so after this one question can be asked.
pub(crate) fn is_ready() -> Result<(), Refusal> {
    if ASKERS.load(Ordering::Relaxed) >= MAX_ASKERS {
        return Err(Refusal::Busy("too many LW.AUDITLOG QUERY are under way"));
    }
    let mut questions = QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if questions.as_ref().is_none_or(UnboundedSender::is_closed) {
        let (sender, asked) = unbounded_channel();
        spawn("lw-audit-query", Some(STACK_BYTES), move || serve(asked))
            .map_err(|_| Refusal::Unavailable("the system has no thread to give".into()))?;
        *questions = Some(sender);
    }
    Ok(())
}

pub(crate) fn ask(question: Question) {
    let questions = QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*questions {
        // Without the thread the question is dropped, which answers it.
        let _ = sender.send(question);
    }
}

fn serve(mut asked: UnboundedReceiver<Question>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return };
    let links = Rc::new(Links { idle: RefCell::default(), permits: Semaphore::new(MAX_LINKS) });
    LocalSet::new().block_on(&runtime, async {
        loop {
            match timeout(IDLE, asked.recv()).await {
                Ok(Some(question)) => answer(question, &links),
                Ok(None) => break,
                Err(_) => links.close_idle(),
            }
        }
    });
    runtime.shutdown_background();
}

fn answer(question: Question, links: &Rc<Links>) {
    let Question { page, events, target, asker } = question;
    panic_if_asked();
    let held = in_queue(&events, &page);
    drop(events);
    let Some(target) = target else { return asker.answer(Ok(held)) };
    let links = Rc::clone(links);
    spawn_local(async move {
        let stored = timeout(TIMEOUT, links.query(&target, &page)).await;
        let stored = stored.unwrap_or_else(|_| Err(Failure::other("it took too long")));
        asker.answer(stored.map(|stored| joined(held, stored, page.count)));
    });
}

/// The links to Postgres, kept for the next query.
struct Links {
    idle: RefCell<Vec<Kept>>,
    permits: Semaphore,
}

struct Kept {
    target: Arc<Target>,
    link: Link,
    since: Instant,
}

impl Links {
    /// The events of a page that Postgres has.
    async fn query(&self, target: &Arc<Target>, page: &Page) -> Result<Vec<Record>, Failure> {
        let _permit = self.permits.acquire().await.map_err(|_| Failure::other("it ends"))?;
        if let Some(link) = self.idle_link(target).await {
            let query = Query::of(page, link.encoding());
            match link.query(&query.text, &query.parameters()).await {
                Ok(rows) => {
                    self.keep(target, link);
                    return rows.iter().map(sql::from_row).collect();
                }
                // Postgres has answered, and would answer the same again.
                Err(failure) if failure.state.is_some() => return Err(failure),
                // The link was most likely dead: a new one may work.
                Err(_) => {}
            }
        }
        let link = Link::open(target).await?;
        let query = Query::of(page, link.encoding());
        let rows = link.query(&query.text, &query.parameters()).await?;
        self.keep(target, link);
        rows.iter().map(sql::from_row).collect()
    }

    /// An idle link to `target` that seems to work.
    async fn idle_link(&self, target: &Arc<Target>) -> Option<Link> {
        loop {
            let Kept { target: its, link, .. } = self.idle.borrow_mut().pop()?;
            if Arc::ptr_eq(&its, target) && !link.is_closed().await {
                return Some(link);
            }
        }
    }

    fn keep(&self, target: &Arc<Target>, link: Link) {
        let target = Arc::clone(target);
        self.idle.borrow_mut().push(Kept { target, link, since: Instant::now() });
    }

    fn close_idle(&self) {
        self.idle.borrow_mut().retain(|kept| kept.since.elapsed() < IDLE);
    }
}
