//! The connections on which Postgres is searched, kept for the next query.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::super::link::{Failure, Link};
use super::found::Found;
use super::page::Page;
use super::sql::{self, Query};
use super::windows::{self, windows};
use lockwatch_common::postgres::target::Target;

/// The maximum number of queries that Postgres runs at a time.
const MAX_LINKS: usize = 4;

/// How long an unused link is kept.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

pub(crate) struct Links {
    idle: RefCell<Vec<Kept>>,
    permits: Semaphore,
}

struct Kept {
    target: Arc<Target>,
    link: Link,
    since: Instant,
}

impl Links {
    pub(crate) fn new() -> Self {
        Self { idle: RefCell::default(), permits: Semaphore::new(MAX_LINKS) }
    }

    /// The events of a page that Postgres has.
    pub(crate) async fn query(&self, target: &Arc<Target>, page: &Page) -> Result<Found, Failure> {
        let _permit = self.permits.acquire().await.map_err(|_| Failure::other("it ends"))?;
        if let Some(link) = self.idle_link(target).await {
            match search(&link, page).await {
                Ok(found) => {
                    self.keep(target, link);
                    return Ok(found);
                }
                // Postgres has answered, and would answer the same again.
                Err(failure) if failure.state.is_some() => return Err(failure),
                // The link was most likely dead: a new one may work.
                Err(_) => {}
            }
        }
        let link = Link::open(target).await?;
        let found = search(&link, page).await?;
        self.keep(target, link);
        Ok(found)
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

    pub(crate) fn close_idle(&self) {
        self.idle.borrow_mut().retain(|kept| kept.since.elapsed() < IDLE);
    }
}

/// Reads the log from the newest partitions to the oldest, a few at a time, until the page is full.
async fn search(link: &Link, page: &Page) -> Result<Found, Failure> {
    let mut starts = Vec::new();
    for row in link.query(windows::STARTS, &[]).await? {
        starts.push(row.try_get(0)?);
    }
    let mut found = Found::new(page.count);
    for window in windows(starts, page) {
        let query = Query::of(page, window, found.room(), link.encoding());
        let mut failure = None;
        let add = |row| match sql::from_row(&row) {
            Ok(record) => found.push(record),
            Err(wrong) => {
                failure = Some(wrong);
                false
            }
        };
        link.query_while(&query.text, &query.parameters(), add).await?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if found.is_full() {
            break;
        }
    }
    Ok(found)
}
