//! All servers of one deployment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

pub use super::topology::Kind;

use super::dial::{Dial, Place};
use super::failure::Failure;
use super::node::Node;
use super::options::Options;
use super::slots::slot_of;
use super::topology::{self, Topology};

/// A topology older than this is asked for again.
const FRESH: Duration = Duration::from_secs(10);
/// After a failure, it is asked for again at most this often.
const RETRY: Duration = Duration::from_secs(1);

/// What was known at one moment.
pub struct Snapshot {
    pub kind: Kind,
    pub members: Vec<Member>,
    pub failure: Option<String>,
}

/// A server and its role when the topology was last seen.
#[derive(Clone)]
pub struct Member {
    pub node: Arc<Node>,
    pub primary: bool,
    /// The slots of a cluster's primary; empty otherwise.
    pub slots: Vec<(u16, u16)>,
}

pub struct Fleet {
    dial: Arc<Dial>,
    sentinel: Option<String>,
    single: bool,
    state: Mutex<State>,
    refreshing: tokio::sync::Mutex<()>,
}

struct State {
    kind: Kind,
    members: Vec<Member>,
    seen: Instant,
    /// Why the topology could not be asked for the last time.
    failure: Option<String>,
}

impl Fleet {
    /// Finds the servers. Fails if none of the addresses answers.
    pub async fn connect(options: &Options) -> Result<Self> {
        let dial = Arc::new(Dial::of(options)?);
        let (sentinel, single) = (options.sentinel.clone(), options.single);
        let topology = topology::discover(&dial, &dial.seeds, sentinel.as_deref(), single).await?;
        Ok(Self::new(dial, sentinel, single, Some(topology), None))
    }

    /// Like [`Self::connect`], but goes on if no address answers: the members are then the
    /// addresses themselves until one does. Fails only if an option can't be used.
    pub async fn connect_or_wait(options: &Options) -> Result<Self> {
        let dial = Arc::new(Dial::of(options)?);
        let (sentinel, single) = (options.sentinel.clone(), options.single);
        let found = topology::discover(&dial, &dial.seeds, sentinel.as_deref(), single).await;
        let (topology, failure) = match found {
            Ok(topology) => (Some(topology), None),
            Err(why) => (None, Some(format!("{why:#}"))),
        };
        Ok(Self::new(dial, sentinel, single, topology, failure))
    }

    fn new(
        dial: Arc<Dial>,
        sentinel: Option<String>,
        single: bool,
        topology: Option<Topology>,
        failure: Option<String>,
    ) -> Self {
        let kind = topology.as_ref().map_or(Kind::Standalone, |topology| topology.kind);
        let members = match topology {
            Some(topology) => members(&dial, topology, &[]),
            None if sentinel.is_some() => Vec::new(),
            None => {
                let member = |place: &Place| Member {
                    node: Arc::new(Node::new(place.clone(), Arc::clone(&dial))),
                    primary: true,
                    slots: Vec::new(),
                };
                dial.seeds.iter().take(1).map(member).collect()
            }
        };
        let state = Mutex::new(State { kind, members, seen: Instant::now(), failure });
        Self { dial, sentinel, single, state, refreshing: tokio::sync::Mutex::new(()) }
    }

    /// Whether servers are sent a password without TLS.
    pub fn sends_plain_password(&self) -> bool {
        self.dial.sends_plain_password()
    }

    /// How long to wait for a server's answer.
    pub fn timeout(&self) -> Duration {
        self.dial.timeout
    }

    /// The database of all connections.
    pub fn db(&self) -> i64 {
        self.dial.db
    }

    pub fn kind(&self) -> Kind {
        self.state().kind
    }

    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot { kind: state.kind, members: state.members.clone(), failure: state.failure.clone() }
    }

    /// The servers as last seen, primaries first.
    pub fn members(&self) -> Vec<Member> {
        self.state().members.clone()
    }

    /// Why the other servers could not be asked for the last time, if so.
    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Looks for the servers again if that was long ago.
    pub async fn refresh_if_old(&self) {
        let age = |state: &State| if state.failure.is_some() { RETRY } else { FRESH };
        self.refresh_if(|state| state.seen.elapsed() >= age(state)).await;
    }

    /// Looks for the servers again, after a sign that they have changed.
    pub async fn refresh(&self) {
        self.refresh_if(|state| state.seen.elapsed() >= RETRY).await;
    }

    async fn refresh_if(&self, due: impl Fn(&State) -> bool) {
        let _one_at_a_time = self.refreshing.lock().await;
        if !due(&self.state()) {
            return;
        }
        let mut places: Vec<Place> = self.dial.seeds.clone();
        if self.sentinel.is_none() && !self.single {
            places.extend(self.members().iter().map(|member| member.node.place().clone()));
        }
        let found = topology::discover(&self.dial, &places, self.sentinel.as_deref(), self.single).await;
        let mut state = self.state();
        state.seen = Instant::now();
        match found {
            Ok(topology) => {
                state.kind = topology.kind;
                state.members = members(&self.dial, topology, &state.members);
                state.failure = None;
            }
            Err(why) => state.failure = Some(format!("{why:#}")),
        }
    }

    /// The primary that has `key`.
    pub fn primary_of(&self, key: &[u8]) -> Result<Arc<Node>, Failure> {
        let state = self.state();
        let slot = slot_of(key);
        let has = |member: &&Member| {
            member.primary
                && (state.kind != Kind::Cluster
                    || member.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot)))
        };
        let found = state.members.iter().find(has).map(|member| Arc::clone(&member.node));
        found.ok_or_else(|| Failure::away(format!("no primary is known for slot {slot}")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the connections of `old` to servers that are still there.
fn members(dial: &Arc<Dial>, topology: Topology, old: &[Member]) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for found in topology.found {
        if members.iter().any(|member| *member.node.place() == found.place) {
            continue;
        }
        let known = old.iter().find(|member| *member.node.place() == found.place);
        let node = known.map(|member| Arc::clone(&member.node));
        let node = node.unwrap_or_else(|| Arc::new(Node::new(found.place, Arc::clone(dial))));
        members.push(Member { node, primary: found.primary, slots: found.slots });
    }
    members.sort_by_key(|member| (!member.primary, member.node.place().clone()));
    members
}
