//! INFO of all nodes at once. However many ask, a node is asked at most once in [`MAX_AGE`].

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use redis::cmd;
use tokio::task::JoinHandle;

use crate::connect::failure::Failure;
use crate::connect::fleet::{Fleet, Kind, Member};
use crate::detached::detached;
use crate::info::Info;
use crate::reply;
use crate::sum::sum;

/// How old a sample may be.
pub const MAX_AGE: Duration = Duration::from_secs(5);

/// What all nodes said at one time.
pub struct Sample {
    pub at: SystemTime,
    /// For rates: the difference of two samples' times does not depend on the clock.
    pub taken: Instant,
    pub kind: Kind,
    pub nodes: Vec<NodeSample>,
    /// Why the list of nodes may be out of date.
    pub failure: Option<String>,
}

#[derive(Clone)]
pub struct NodeSample {
    pub name: String,
    pub member: Member,
    /// How long the node took to answer.
    pub elapsed: Duration,
    pub info: Result<Arc<Info>, Failure>,
}

impl NodeSample {
    /// The role that the node itself says it has, else that of the topology.
    pub fn is_primary(&self) -> bool {
        let said = self.info.as_ref().ok().and_then(|info| info.text("role"));
        said.map_or(self.member.primary, |role| role == "master")
    }
}

impl Sample {
    /// The nodes that answered and have the module.
    pub fn answers(&self) -> impl Iterator<Item = (&NodeSample, &Info)> {
        let answer = |node: &'_ NodeSample| node.info.as_ref().ok().is_some_and(|info| info.has_module());
        self.nodes
            .iter()
            .filter(move |node| answer(node))
            .filter_map(|node| Some((node, &**node.info.as_ref().ok()?)))
    }

    /// The sum of a number of the module, `lockwatch_<name>`, over all nodes that answered.
    pub fn sum(&self, name: &str) -> i64 {
        sum(self.answers().filter_map(|(_, info)| info.lockwatch(name)))
    }
}

pub struct Sampler {
    fleet: Arc<Fleet>,
    max_age: Duration,
    last: Arc<tokio::sync::Mutex<Option<Arc<Sample>>>>,
}

impl Sampler {
    pub fn new(fleet: Arc<Fleet>, max_age: Duration) -> Self {
        Self { fleet, max_age, last: Arc::default() }
    }

    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// The last sample, or a new one if that is older than the maximum age. Takes at most about the
    /// time limit of a call, however many nodes are away. A caller that is dropped meanwhile leaves
    /// the sample to the next one.
    pub async fn sample(&self) -> Arc<Sample> {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(sample) = last.as_ref().filter(|sample| sample.taken.elapsed() < self.max_age) {
            return Arc::clone(sample);
        }
        let fleet = Arc::clone(&self.fleet);
        detached(async move {
            let sample = Arc::new(take(&fleet).await);
            *last = Some(Arc::clone(&sample));
            sample
        })
        .await
    }
}

async fn take(fleet: &Arc<Fleet>) -> Sample {
    let mut seen = fleet.snapshot();
    // A search for the servers may take long if many of them are away. This sample does not wait
    // for it, unless no server is known yet.
    let searching = search(fleet, false);
    if seen.members.is_empty() {
        let _ = tokio::time::timeout(fleet.timeout(), searching).await;
        seen = fleet.snapshot();
    }
    let nodes = join_all(seen.members.into_iter().map(ask)).await;
    if nodes.iter().any(|node| node.info.is_err() || node.is_primary() != node.member.primary) {
        search(fleet, true);
    }
    Sample { at: SystemTime::now(), taken: Instant::now(), kind: seen.kind, nodes, failure: seen.failure }
}

/// Looks for the servers in the background: if that was long ago, or after a sign of a change.
fn search(fleet: &Arc<Fleet>, changed: bool) -> JoinHandle<()> {
    let fleet = Arc::clone(fleet);
    tokio::spawn(async move { if changed { fleet.refresh().await } else { fleet.refresh_if_old().await } })
}

async fn ask(member: Member) -> NodeSample {
    let began = Instant::now();
    let info = member.node.read(cmd("INFO").arg(Info::SECTIONS)).await;
    let info = info.map(|reply| Arc::new(Info::parse(&reply::text(&reply).unwrap_or_default())));
    NodeSample { name: member.node.name(), member, elapsed: began.elapsed(), info }
}
