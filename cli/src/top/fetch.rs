//! Fetches snapshots: one INFO and one LW.TOP a node in each interval, however much happens.
//!
//! LW.BANS of each guard comes on top, but only after INFO has shown that the bans have changed, and
//! at most once in [`BANS_EVERY`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::time::sleep_until;

use super::snapshot::Snapshot;
use crate::connect::failure::{Failure, Kind};
use crate::connect::fleet::Fleet;
use crate::facts::bans::{Ban, List, bans};
use crate::facts::top::top_keys;
use crate::finder::Finder;
use crate::sampler::Sampler;

/// The keys that are listed at most.
const KEYS: usize = 100;
/// The bans of each guard that are listed at most.
const BANS: usize = 1000;
const BANS_EVERY: Duration = Duration::from_secs(5);
/// Also without a sign of a change.
const BANS_ANYWAY: Duration = Duration::from_secs(60);

pub struct Fetcher {
    fleet: Arc<Fleet>,
    sampler: Arc<Sampler>,
    finder: Finder,
    bans: Arc<Vec<Ban>>,
    bans_failures: Vec<String>,
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
        Self { fleet, sampler, finder, bans: Arc::default(), bans_failures: Vec::new(), seen: None }
    }

    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Sends a snapshot in each interval until nobody receives them any more.
    pub async fn run(mut self, interval: Duration, to: Sender<Snapshot>) {
        let mut last = None;
        loop {
            let snapshot = self.fetch().await;
            let taken = snapshot.taken;
            // The search for guards may have taken the sample that is still young enough.
            if last.replace(taken) != Some(taken) && to.send(snapshot).await.is_err() {
                return;
            }
            sleep_until((taken + interval).into()).await;
        }
    }

    /// Lets the next snapshot have the bans of the guards that were found meanwhile.
    pub fn forget_bans(&mut self) {
        self.seen = None;
    }

    pub async fn fetch(&mut self) -> Snapshot {
        let sample = self.sampler.sample().await;
        let mut snapshot = Snapshot::of(&sample);
        let top = top_keys(&self.fleet, KEYS).await;
        snapshot.keys = top.items;
        snapshot.failures.extend(top.failures.iter().filter_map(|failure| refusal("LW.TOP", failure)));
        self.fetch_bans_if_changed(&snapshot).await;
        snapshot.bans = Arc::clone(&self.bans);
        snapshot.guards = self.seen.as_ref().map_or(0, |(_, (_, guards))| guards.len());
        snapshot.failures.extend(self.bans_failures.iter().cloned());
        snapshot
    }

    async fn fetch_bans_if_changed(&mut self, snapshot: &Snapshot) {
        let counters = ["guard_bans_total", "guard_lifted_total", "guard_bans", "guards"];
        let signs = (counters.map(|name| snapshot.sum(name)), self.finder.guards());
        let is_due = match &self.seen {
            None => true,
            Some((at, seen)) => {
                let age = at.elapsed();
                age >= BANS_ANYWAY || (age >= BANS_EVERY && *seen != signs)
            }
        };
        if !is_due {
            return;
        }
        let found = bans(&self.fleet, &signs.1, List::Bans, BANS).await;
        self.bans_failures =
            found.failures.iter().filter_map(|failure| refusal("LW.BANS", failure)).collect();
        self.bans = Arc::new(found.items);
        self.seen = Some((Instant::now(), signs));
    }
}

/// What a node refused. That it is away is said elsewhere.
fn refusal(command: &str, (node, why): &(String, Failure)) -> Option<String> {
    (why.kind == Kind::Refused).then(|| format!("{node} refuses {command}: {why}"))
}
