//! Bans, allow entries and what observed rules would have done: LW.BANS.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt};
use redis::{Cmd, cmd};

use super::gathered::{Gathered, ask_owner};
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

/// Which entries of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Bans,
    Allowed,
    Observed,
}

/// An entry of a guard.
#[derive(Clone, Debug, PartialEq)]
pub struct Ban {
    /// The guard, that is its key.
    pub guard: Vec<u8>,
    /// An address, a network, or a user or key as a hash: `user 0123456789abcdef at 203.0.113.9`.
    pub subject: String,
    /// The hash of a user or key.
    pub hash: Option<String>,
    /// `rule`, `operator`, `allow` or `observed`.
    pub source: String,
    pub rule: Option<String>,
    pub verdict: String,
    pub from_ms: i64,
    pub until_ms: i64,
    pub strikes: i64,
    /// What the rule admits within `window_ms`; 0 for an operator's entry.
    pub count: i64,
    pub window_ms: i64,
    pub reason: Option<String>,
    pub by: Option<String>,
    pub acl_user: Option<String>,
}

impl Ban {
    pub(super) fn of(guard: &[u8], record: &Record) -> Option<Self> {
        Some(Self {
            guard: guard.to_vec(),
            subject: record.text("subject")?,
            hash: record.text("hash"),
            source: record.text("source")?,
            rule: record.text("rule"),
            verdict: record.text("verdict")?,
            from_ms: record.int("from_ms")?,
            until_ms: record.int("until_ms")?,
            strikes: record.int("strikes")?,
            count: record.int("count")?,
            window_ms: record.int("window_ms")?,
            reason: record.text("reason"),
            by: record.text("by"),
            acl_user: record.text("acl_user"),
        })
    }
}

/// The entries of one page of LW.BANS.
const PAGE: usize = 500;

/// The number of guards that are asked at the same time.
const AT_ONCE: usize = 8;

/// The names of nodes that did not answer. They are asked about no other guard.
type Silent = Mutex<BTreeSet<String>>;

/// At most `most` entries of each guard, those that began last first. A failure names the guard's
/// node.
pub async fn bans(fleet: &Fleet, guards: &[Vec<u8>], list: List, most: usize) -> Gathered<Ban> {
    let silent = Silent::default();
    let mut asked = Vec::new();
    for guard in guards {
        asked.push(bans_of(fleet, guard, list, most, &silent));
    }
    let mut gathered = Gathered::default();
    let mut answers = stream::iter(asked).buffered(AT_ONCE);
    while let Some((bans, failure)) = answers.next().await {
        gathered.items.extend(bans);
        gathered.failures.extend(failure);
    }
    gathered.items.sort_by_key(|ban| std::cmp::Reverse(ban.from_ms));
    gathered
}

/// The entries of one guard, and why there are no more of them. A silent node is reported once.
async fn bans_of(
    fleet: &Fleet,
    guard: &[u8],
    list: List,
    most: usize,
    silent: &Silent,
) -> (Vec<Ban>, Option<(String, Failure)>) {
    let owner = || fleet.primary_of(guard).map(|node| node.name()).unwrap_or_default();
    let (mut bans, mut cursor, mut left) = (Vec::new(), None::<Vec<u8>>, most);
    while left > 0 {
        if lock(silent).contains(&owner()) {
            break;
        }
        let count = left.min(PAGE);
        let page = match ask_owner(fleet, guard, &command(guard, list, count, cursor.as_deref())).await {
            Ok(reply) => reply::records(&reply),
            Err(why) => {
                let node = owner();
                let is_new = !why.breaks_connection() || lock(silent).insert(node.clone());
                return (bans, is_new.then_some((node, why)));
            }
        };
        bans.extend(page.iter().filter_map(|record| Ban::of(guard, record)));
        cursor = page.last().and_then(|record| record.bytes("cursor")).map(<[u8]>::to_vec);
        left = left.saturating_sub(count);
        if page.len() < count || cursor.is_none() {
            break;
        }
    }
    (bans, None)
}

fn command(guard: &[u8], list: List, count: usize, after: Option<&[u8]>) -> Cmd {
    let mut command = cmd("LW.BANS");
    command.arg(guard);
    match list {
        List::Bans => {}
        List::Allowed => _ = command.arg("ALLOWED"),
        List::Observed => _ = command.arg("OBSERVED"),
    }
    command.arg("COUNT").arg(count);
    if let Some(cursor) = after {
        command.arg("AFTER").arg(cursor);
    }
    command
}

fn lock(silent: &Silent) -> MutexGuard<'_, BTreeSet<String>> {
    silent.lock().unwrap_or_else(PoisonError::into_inner)
}
