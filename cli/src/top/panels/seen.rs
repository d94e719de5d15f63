//! What the panels make their tables of.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::info::Info;
use crate::top::history::History;
use crate::top::problems::{Away, Problem};
use crate::top::rates::Rates;
use crate::top::snapshot::Snapshot;

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
    pub(super) fn lines<const N: usize>(
        &self,
        prefix: &str,
        members: [&str; N],
    ) -> BTreeMap<String, [i64; N]> {
        let mut sums: BTreeMap<String, [i64; N]> = BTreeMap::new();
        for (_, info) in self.snapshot.answers() {
            for (name, line) in info.below(prefix).filter(|(_, line)| line.contains('=')) {
                let line = Info::members(line);
                let sum = sums.entry(name.to_owned()).or_insert([0; N]);
                for (sum, member) in sum.iter_mut().zip(members) {
                    let number = line.get(member).and_then(|value| value.parse().ok()).unwrap_or(0);
                    *sum = i64::saturating_add(*sum, number);
                }
            }
        }
        sums
    }
}
