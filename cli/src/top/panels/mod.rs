//! The panels: each makes a table of what was seen last.

mod bans;
mod keys;
mod nodes;
mod policies;
mod problems;
mod queues;
mod rules;
mod seen;

pub use seen::Seen;

use super::table::{Column, Table};

/// In place of rows.
const UNKNOWN: &str = "Not known: not all primaries answer.";

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

    /// Whether the servers said all that the panel lists. If not, an empty list is no good news.
    pub fn is_known(self, seen: &Seen) -> bool {
        let snapshot = seen.snapshot;
        match self {
            Self::Keys => snapshot.keys_known && snapshot.is_complete(),
            Self::Bans => snapshot.has_all_bans(),
            Self::Policies | Self::Rules | Self::Queues => snapshot.is_complete(),
            Self::Nodes | Self::Problems => true,
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
