//! The thread that answers LW.AUDITLOG QUERY: it searches a snapshot of the queue, then Postgres,
//! and joins the results.
//!
//! The main thread takes the snapshot first. An event that is not in it was in Postgres before, so
//! none is missed; an event of both is listed once. The snapshot is dropped before Postgres is
//! asked, because it keeps events in memory.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use crate::journal::queue::Snapshot;
use crate::server::error::Refusal;
use crate::server::thread::{panic_if_asked, spawn};

use super::super::entry::Entry;
use super::super::link::Failure;
use super::asker::{self, Asker};
use super::links::{IDLE, Links};
use super::page::Page;
use super::search::in_queue;
use lockwatch_common::postgres::target::Target;

/// The maximum time that Postgres may take for a query, including those before it and connecting.
const TIMEOUT: Duration = Duration::from_secs(75);

/// The stack of the thread: several times what TLS and a page take.
const STACK_BYTES: usize = 2 << 20;

pub(crate) struct Question {
    pub page: Page,
    pub events: Snapshot<Entry>,
    /// The database with the other events, if there is one that is to be asked.
    pub target: Option<Arc<Target>>,
    pub asker: Asker,
}

static QUESTIONS: Mutex<Option<UnboundedSender<Question>>> = Mutex::new(None);

/// Starts the thread if necessary, and refuses if too many questions are pending. Only the main
/// thread asks, so after this one question can be asked.
pub(crate) fn is_ready() -> Result<(), Refusal> {
    if !asker::has_room() {
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
    let links = Rc::new(Links::new());
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
    let links = Rc::clone(links);
    spawn_local(async move {
        let Some(target) = target else { return asker.answer(Ok(held)).await };
        let stored = timeout(TIMEOUT, links.query(&target, &page)).await;
        let stored = stored.unwrap_or_else(|_| Err(Failure::other("it took too long")));
        asker.answer(stored.map(|stored| held.joined(stored))).await;
    });
}
