//! Servers that were there and are gone. A primary forgets a replica that has died and a cluster a
//! node that was replaced, but whoever is to be woken has to see that they are away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::sampler::Sample;

use super::answers::answers;

/// How long a server that is gone is shown. One that was removed on purpose is gone after that.
const SHOWN: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub struct Absent {
    known: BTreeMap<String, Known>,
}

struct Known {
    answered: Instant,
    /// Identifies the process, by whatever address it is reached.
    run_id: String,
}

impl Absent {
    /// The servers that have answered within the last hour and are not among those of `sample`.
    pub fn of(&mut self, sample: &Sample) -> Vec<String> {
        let run_ids: BTreeMap<&str, &str> = answers(sample)
            .map(|(node, info)| (node.name.as_str(), info.text("run_id").unwrap_or_default()))
            .collect();
        // Until the servers were found, an address of the command line stands for one of them.
        if sample.failure.is_none() {
            for (name, run_id) in &run_ids {
                let known = Known { answered: sample.taken, run_id: (*run_id).to_owned() };
                self.known.insert((*name).to_owned(), known);
            }
        }
        let present: BTreeSet<&str> = sample.nodes.iter().map(|node| node.name.as_str()).collect();
        self.known.retain(|name, known| {
            let is_it = |(other, id): (&&str, &&str)| other != name && !id.is_empty() && *id == known.run_id;
            let has_another_name = run_ids.iter().any(is_it);
            !has_another_name && sample.taken.duration_since(known.answered) < SHOWN
        });
        self.known.keys().filter(|name| !present.contains(name.as_str())).cloned().collect()
    }
}
