//! What was fetched at one time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::connect::failure::Failure;
use crate::connect::fleet::Kind;
use crate::facts::bans::Ban;
use crate::facts::top::TopKey;
use crate::info::Info;
use crate::sampler::Sample;
use crate::sum::sum;

#[derive(Clone)]
pub struct Snapshot {
    pub at: SystemTime,
    /// For rates and ages, which do not depend on the clock.
    pub taken: Instant,
    pub kind: Kind,
    pub nodes: Vec<NodeView>,
    /// The keys that were denied most, over all nodes.
    pub keys: Vec<TopKey>,
    /// Whether all primaries were able to say which.
    pub keys_known: bool,
    pub bans: Bans,
    /// Whether the servers let guards be searched for.
    pub may_search: bool,
    /// What could not be asked, and why the list of nodes may be out of date.
    pub failures: Vec<String>,
}

/// The bans of the guards that are known.
#[derive(Clone, Default)]
pub struct Bans {
    /// The newest first.
    pub list: Arc<Vec<Ban>>,
    /// Whether those guards were able to say who is banned.
    pub known: bool,
    /// How many guards are known.
    pub guards: usize,
    /// What could not be asked.
    pub failures: Vec<String>,
}

/// A node at that time.
#[derive(Clone)]
pub struct NodeView {
    pub name: String,
    pub primary: bool,
    /// How long the node took to answer.
    pub elapsed: Duration,
    pub info: Result<Arc<Info>, Failure>,
}

impl NodeView {
    /// What INFO says, if the node answered and has the module.
    pub fn answer(&self) -> Option<&Arc<Info>> {
        self.info.as_ref().ok().filter(|info| info.has_module())
    }
}

impl Snapshot {
    pub fn of(sample: &Sample) -> Self {
        let view = |node: &crate::sampler::NodeSample| NodeView {
            name: node.name.clone(),
            primary: node.is_primary(),
            elapsed: node.elapsed,
            info: node.info.clone(),
        };
        Self {
            at: sample.at,
            taken: sample.taken,
            kind: sample.kind,
            nodes: sample.nodes.iter().map(view).collect(),
            keys: Vec::new(),
            keys_known: false,
            bans: Bans::default(),
            may_search: true,
            failures: sample.failure.iter().cloned().collect(),
        }
    }

    /// The nodes that answered and have the module.
    pub fn answers(&self) -> impl Iterator<Item = (&NodeView, &Arc<Info>)> {
        self.nodes.iter().filter_map(|node| Some((node, node.answer()?)))
    }

    /// The sum of a gauge, `lockwatch_<name>`, over the primaries. Their replicas hold the same.
    pub fn sum(&self, name: &str) -> i64 {
        let primaries = self.answers().filter(|(node, _)| node.primary);
        sum(primaries.filter_map(|(_, info)| info.lockwatch(name)))
    }

    /// Whether all primaries answered, so that sums over them are right.
    pub fn is_complete(&self) -> bool {
        let mut primaries = self.nodes.iter().filter(|node| node.primary).peekable();
        primaries.peek().is_some() && primaries.all(|node| node.answer().is_some())
    }

    /// Whether the list of bans is complete, so that nobody else is banned.
    pub fn has_all_bans(&self) -> bool {
        self.bans.known && self.is_complete() && !self.lacks_guards()
    }

    /// Whether there are guards that the search has not found yet.
    pub fn lacks_guards(&self) -> bool {
        usize::try_from(self.sum("guards")).is_ok_and(|count| count > self.bans.guards)
    }

    /// The time of the servers' clock in Unix milliseconds: that of a node, or ours if none says.
    pub fn server_ms(&self) -> i64 {
        let said = self.answers().find_map(|(_, info)| info.number("server_time_usec"));
        let ours = self.at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        said.map_or_else(|| i64::try_from(ours).unwrap_or(i64::MAX), |usec| usec / 1000)
    }
}
