//! Finds the guards and token stores of a fleet: the names of their keys.
//!
//! A server has few of them among perhaps millions of other keys. So SCAN goes through the keys of
//! each primary slowly, and only while the number that INFO shows differs from what was found.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Value, cmd};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};

use crate::background::Background;
use crate::connect::failure::Failure;
use crate::connect::fleet::Member;
use crate::connect::node::Node;
use crate::reply;
use crate::sampler::Sampler;
use crate::sum::sum;

/// Keys that one call of SCAN looks at.
const STEP: usize = 1000;
/// SCAN takes at most one part in `SHARE` of a server's time.
const SHARE: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// How often the numbers of INFO are compared.
const EVERY: Duration = Duration::from_secs(5);
/// A search that found fewer than INFO counts is repeated after this time: some keys may be in
/// another database.
const AGAIN: Duration = Duration::from_secs(120);
/// The most names of each type that are kept.
const MOST: usize = 1000;

/// Something that has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Guard,
    Store,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Guard => "lw-guards",
            Self::Store => "lw-tokens",
        }
    }

    /// The field of INFO with their number, without `lockwatch_`.
    fn counted_by(self) -> &'static str {
        match self {
            Self::Guard => "guards",
            Self::Store => "token_stores",
        }
    }
}

#[derive(Clone, Default)]
struct Found {
    guards: BTreeSet<Vec<u8>>,
    stores: BTreeSet<Vec<u8>>,
}

impl Found {
    fn of(&mut self, kind: Type) -> &mut BTreeSet<Vec<u8>> {
        match kind {
            Type::Guard => &mut self.guards,
            Type::Store => &mut self.stores,
        }
    }
}

/// How far the search has come.
#[derive(Clone, Debug, Default)]
pub enum Search {
    /// No search of all primaries has ended yet.
    #[default]
    Begins,
    /// The last one was complete.
    Complete,
    /// The last one ended with the failure of this node: what was found is not all.
    Failed(String, Failure),
}

/// Of guards and of token stores.
type Searches = [Search; 2];

/// Searches in the background until it is dropped.
pub struct Finder {
    found: Arc<Mutex<Found>>,
    searches: watch::Receiver<Searches>,
    task: Background,
}

impl Finder {
    /// `guards` and `stores` are names that the user gave: these are always part of the result.
    pub fn start(sampler: Arc<Sampler>, guards: Vec<Vec<u8>>, stores: Vec<Vec<u8>>) -> Self {
        let given = Found { guards: guards.into_iter().collect(), stores: stores.into_iter().collect() };
        let found = Arc::new(Mutex::new(given.clone()));
        let (ended, searches) = watch::channel(Searches::default());
        let task = Background::run("the search for guards", {
            let found = Arc::clone(&found);
            move || search(Arc::clone(&sampler), Arc::clone(&found), given.clone(), ended.clone())
        });
        Self { found, searches, task }
    }

    /// How far the search for guards has come.
    pub fn guards_search(&self) -> Search {
        self.searches.borrow()[0].clone()
    }

    /// Waits until a first search for guards has ended, complete or not, but no longer than `most`.
    pub async fn first_search_for_guards(&self, most: Duration) {
        let mut searches = self.searches.clone();
        let ended = searches.wait_for(|[guards, _]| !matches!(guards, Search::Begins));
        // The caller sees in `guards_search` whether it has ended.
        let _ = timeout(most, ended).await;
    }

    /// The keys of the guards that were found so far, in their order.
    pub fn guards(&self) -> Vec<Vec<u8>> {
        lock(&self.found).guards.iter().cloned().collect()
    }

    /// The last panic of the search, once. The search begins anew after it.
    pub fn panic(&self) -> Option<JoinError> {
        self.task.panic()
    }

    /// The keys of the token stores that were found so far, in their order.
    pub fn stores(&self) -> Vec<Vec<u8>> {
        lock(&self.found).stores.iter().cloned().collect()
    }
}

fn lock(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn search(
    sampler: Arc<Sampler>,
    found: Arc<Mutex<Found>>,
    mut given: Found,
    ended: watch::Sender<Searches>,
) {
    // When a search with what numbers in INFO was complete, of each type.
    let mut complete: [Option<(i64, Instant)>; 2] = [None, None];
    loop {
        let sample = sampler.sample().await;
        for (index, kind) in [Type::Guard, Type::Store].into_iter().enumerate() {
            let complete = &mut complete[index];
            let primaries = sample.answers().filter(|(node, _)| node.is_primary());
            let counted = sum(primaries.filter_map(|(_, info)| info.lockwatch(kind.counted_by())));
            let known = i64::try_from(lock(&found).of(kind).len()).unwrap_or(i64::MAX);
            let is_due = complete
                .is_none_or(|(then, at)| counted != then || (counted > known && at.elapsed() >= AGAIN));
            if !is_due {
                continue;
            }
            let members = sampler.fleet().members();
            let end = match pass(&members, kind, &found, given.of(kind)).await {
                Ok(()) => {
                    *complete = Some((counted, Instant::now()));
                    Search::Complete
                }
                Err((node, why)) => Search::Failed(node, why),
            };
            ended.send_modify(|searches| searches[index] = end);
        }
        sleep(EVERY).await;
    }
}

/// Searches all primaries, and then drops the names that are gone. Fails with the node that did not
/// answer.
async fn pass(
    members: &[Member],
    kind: Type,
    found: &Mutex<Found>,
    given: &BTreeSet<Vec<u8>>,
) -> Result<(), (String, Failure)> {
    let mut names = given.clone();
    if !members.iter().any(|member| member.primary) {
        return Err((String::new(), Failure::away("no primary is known")));
    }
    for member in members.iter().filter(|member| member.primary) {
        let add = |key: &[u8]| {
            if names.len() < MOST {
                names.insert(key.to_vec());
                lock(found).of(kind).insert(key.to_vec());
            }
        };
        scan(&member.node, kind, add).await.map_err(|why| (member.node.name(), why))?;
    }
    *lock(found).of(kind) = names;
    Ok(())
}

async fn scan(node: &Node, kind: Type, mut add: impl FnMut(&[u8])) -> Result<(), Failure> {
    let mut cursor = b"0".to_vec();
    loop {
        let began = Instant::now();
        let mut command = cmd("SCAN");
        command.arg(&cursor).arg("TYPE").arg(kind.name()).arg("COUNT").arg(STEP);
        let reply = node.read(&command).await?;
        let [next, keys] = reply::items(&reply) else { return Ok(()) };
        reply::items(keys).iter().filter_map(reply::bytes).for_each(&mut add);
        match next {
            Value::BulkString(next) if next != b"0" => cursor.clone_from(next),
            _ => return Ok(()),
        }
        sleep((began.elapsed() * SHARE).max(SHORTEST_PAUSE)).await;
    }
}
