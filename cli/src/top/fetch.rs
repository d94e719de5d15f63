//! Fetches snapshots: one INFO and one LW.TOP a node in each interval, however much happens.
//!
//! LW.BANS of each guard comes on top, but only after INFO has shown that the bans have changed,
//! and at most once in [`BANS_EVERY`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep_until;

use super::events::Event;
use super::snapshot::{Bans, Snapshot};
use crate::connect::failure::{Failure, Kind};
use crate::connect::fleet::Fleet;
use crate::facts::bans::{List, bans};
use crate::facts::top::top_keys;
use crate::finder::{Finder, Search};
use crate::sampler::Sampler;

/// The keys that are listed at most.
const KEYS: usize = 100;
/// The bans of each guard that are listed at most.
const BANS: usize = 1000;
const BANS_EVERY: Duration = Duration::from_secs(5);
/// How long `--once` waits for the search for guards.
const SEARCH: Duration = Duration::from_secs(20);
/// Also without a sign of a change.
const BANS_ANYWAY: Duration = Duration::from_secs(60);

pub struct Fetcher {
    fleet: Arc<Fleet>,
    sampler: Arc<Sampler>,
    finder: Finder,
    bans: Bans,
    /// When the bans were fetched, and the [`Signs`] were then.
    seen: Option<(Instant, Signs)>,
}

/// What changes when bans do: counters and gauges of INFO, and the guards that are known.
type Signs = ([i64; 4], Vec<Vec<u8>>);

impl Fetcher {
    /// `guards` are those that the user named; the others are searched for.
    pub fn new(fleet: Fleet, interval: Duration, guards: Vec<Vec<u8>>) -> Self {
        let fleet = Arc::new(fleet);
        let sampler = Arc::new(Sampler::new(Arc::clone(&fleet), interval));
        let finder = Finder::start(Arc::clone(&sampler), guards, Vec::new());
        Self { fleet, sampler, finder, bans: Bans::default(), seen: None }
    }

    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Sends a snapshot in each interval until nobody receives them any more. The bans come after
    /// it: a server that does not answer LW.BANS holds no snapshot up.
    pub async fn run(mut self, interval: Duration, to: Sender<Event>) -> Result<(), JoinError> {
        let mut last = None;
        let mut asking = JoinSet::new();
        loop {
            let snapshot = self.fetch().await;
            let taken = snapshot.taken;
            // Its message has restored the terminal, so this must end.
            if let Some(why) = self.finder.panic() {
                return Err(why);
            }
            let signs = self.signs(&snapshot);
            if asking.is_empty() && self.is_due(&signs) {
                asking.spawn(ask(Arc::clone(&self.fleet), signs));
            }
            // The search for guards may have taken the sample that is still young enough.
            let is_new = last.replace(taken) != Some(taken);
            if is_new && to.send(Event::Snapshot(Box::new(snapshot))).await.is_err() {
                return Ok(());
            }
            let next = sleep_until((taken + interval).into());
            tokio::pin!(next);
            loop {
                tokio::select! {
                    Some(answer) = asking.join_next() => {
                        self.take(answer?);
                        if to.send(Event::Bans(self.bans.clone())).await.is_err() {
                            return Ok(());
                        }
                    }
                    () = &mut next => break,
                }
            }
        }
    }

    /// Waits for the search for guards, but not for ever.
    pub async fn find_guards(&self) {
        self.finder.first_search_for_guards(SEARCH).await;
    }

    /// A snapshot with the bans that are known.
    pub async fn fetch(&self) -> Snapshot {
        let sample = self.sampler.sample().await;
        let mut snapshot = Snapshot::of(&sample);
        let top = top_keys(&self.fleet, KEYS).await;
        snapshot.keys = top.items;
        snapshot.keys_known = top.failures.is_empty();
        snapshot.failures.extend(top.failures.iter().filter_map(|failure| refusal("LW.TOP", failure)));
        snapshot.bans = self.bans.clone();
        self.add_search(&mut snapshot);
        snapshot
    }

    /// A snapshot with the bans of all guards that were found meanwhile.
    pub async fn fetch_with_bans(&mut self) -> Snapshot {
        let mut snapshot = self.fetch().await;
        let signs = self.signs(&snapshot);
        self.take(ask(Arc::clone(&self.fleet), signs).await);
        snapshot.bans = self.bans.clone();
        snapshot
    }

    /// What is said of a search that the servers refuse, if that hides guards.
    fn add_search(&self, snapshot: &mut Snapshot) {
        let Search::Failed(node, why) = self.finder.guards_search() else { return };
        let Some(refusal) = refusal("SCAN", &(node, why)) else { return };
        snapshot.may_search = false;
        if snapshot.lacks_guards() {
            snapshot
                .failures
                .push(format!("{refusal}; so not all guards are found, and their bans not shown"));
        }
    }

    fn signs(&self, snapshot: &Snapshot) -> Signs {
        let counters = ["guard_bans_total", "guard_lifted_total", "guard_bans", "guards"];
        (counters.map(|name| snapshot.sum(name)), self.finder.guards())
    }

    fn is_due(&self, signs: &Signs) -> bool {
        let Some((at, seen)) = &self.seen else { return true };
        let age = at.elapsed();
        age >= BANS_ANYWAY || (age >= BANS_EVERY && seen != signs)
    }

    fn take(&mut self, (bans, signs): (Bans, Signs)) {
        self.bans = bans;
        self.seen = Some((Instant::now(), signs));
    }
}

async fn ask(fleet: Arc<Fleet>, signs: Signs) -> (Bans, Signs) {
    let found = bans(&fleet, &signs.1, List::Bans, BANS).await;
    let failures = found.failures.iter().filter_map(|failure| refusal("LW.BANS", failure)).collect();
    let known = found.failures.is_empty();
    (Bans { list: Arc::new(found.items), guards: signs.1.len(), known, failures }, signs)
}

/// What a node refused. That it is away is said elsewhere.
fn refusal(command: &str, (node, why): &(String, Failure)) -> Option<String> {
    (why.kind == Kind::Refused).then(|| format!("{node} refuses {command}: {why}"))
}
