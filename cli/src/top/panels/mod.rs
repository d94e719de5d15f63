//! The panels: each makes a table of what was seen last.

mod bans;
mod keys;
mod nodes;
mod policies;
mod problems;
mod queues;
mod rules;

use std::collections::BTreeMap;
use std::time::Instant;

use super::problems::{Away, Problem};
use super::rates::{History, Rates};
use super::snapshot::Snapshot;
use super::table::{Column, Table};
use crate::info::Info;

/// What a panel shows.
pub struct Seen<'a> {
    pub snapshot: &'a Snapshot,
    pub history: &'a History,
    pub away: &'a Away,
    pub problems: &'a [Problem],
    pub now: Instant,
}

impl Seen<'_> {
    /// The rates of all nodes; all 0 until they are known.
    pub fn rates(&self) -> Rates {
        self.history.now.clone().unwrap_or_default()
    }

    /// The time of the servers' clock now, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        let since = self.now.saturating_duration_since(self.snapshot.taken).as_millis();
        self.snapshot.server_ms().saturating_add(i64::try_from(since).unwrap_or(0))
    }

    /// The members of lines such as `lockwatch_policy_<name>:calls=3,…`, summed over the nodes, by
    /// what follows `prefix` in their names.
    fn lines<const N: usize>(&self, prefix: &str, members: [&str; N]) -> BTreeMap<String, [i64; N]> {
        let mut sums: BTreeMap<String, [i64; N]> = BTreeMap::new();
        for (_, info) in self.snapshot.answers() {
            for (name, line) in info.below(prefix).filter(|(_, line)| line.contains('=')) {
                let line = Info::members(line);
                let sum = sums.entry(name.to_owned()).or_insert([0; N]);
                for (sum, member) in sum.iter_mut().zip(members) {
                    *sum += line.get(member).and_then(|value| value.parse::<i64>().ok()).unwrap_or(0);
                }
            }
        }
        sums
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    Keys,
    Bans,
    Policies,
    Rules,
    Nodes,
    Queues,
    Problems,
}

impl Panel {
    /// In the order of their keys, from 1.
    pub const ALL: [Self; 7] =
        [Self::Keys, Self::Bans, Self::Policies, Self::Rules, Self::Nodes, Self::Queues, Self::Problems];

    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "Keys",
            Self::Bans => "Bans",
            Self::Policies => "Policies",
            Self::Rules => "Rules",
            Self::Nodes => "Nodes",
            Self::Queues => "Queues",
            Self::Problems => "Problems",
        }
    }

    /// What the panel lists, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Keys => "the keys that were denied most often lately",
            Self::Bans => "who is banned, by which rule and for how long",
            Self::Policies => "calls and denials of each policy",
            Self::Rules => "how often each rule of a guard fired, and what came of it",
            Self::Nodes => "the servers: role, latency, memory, load",
            Self::Queues => "alerts and audit events on their way",
            Self::Problems => "what is wrong, the worst first",
        }
    }

    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Keys => keys::COLUMNS,
            Self::Bans => bans::COLUMNS,
            Self::Policies => policies::COLUMNS,
            Self::Rules => rules::COLUMNS,
            Self::Nodes => nodes::COLUMNS,
            Self::Queues => queues::COLUMNS,
            Self::Problems => problems::COLUMNS,
        }
    }

    pub fn table(self, seen: &Seen) -> Table {
        match self {
            Self::Keys => keys::table(seen),
            Self::Bans => bans::table(seen),
            Self::Policies => policies::table(seen),
            Self::Rules => rules::table(seen),
            Self::Nodes => nodes::table(seen),
            Self::Queues => queues::table(seen),
            Self::Problems => problems::table(seen),
        }
    }
}
