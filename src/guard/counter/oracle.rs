//! A second implementation: slow, and with the whole history since a rule fired last.

use std::collections::{BTreeSet, VecDeque};

/// A bucket that holds its units one by one and leaks one millisecond after the other.
pub(in crate::guard) struct Bucket {
    /// The milliseconds that each unit still takes to leak.
    units: VecDeque<u64>,
    now: u64,
}

impl Bucket {
    pub(in crate::guard) fn new(now: u64) -> Self {
        Self { units: VecDeque::new(), now }
    }

    pub(in crate::guard) fn charge(&mut self, most: u32, every: u64, now: u64) -> bool {
        self.pass(now);
        if self.units() >= most {
            self.units.clear();
            return true;
        }
        self.units.push_back(every);
        false
    }

    pub(in crate::guard) fn give_back(&mut self, every: u64, now: u64) {
        self.pass(now);
        (0..every).for_each(|_| self.leak());
    }

    /// The units in it; one that has begun to leak counts.
    pub(in crate::guard) fn units(&self) -> u32 {
        self.units.len() as u32
    }

    fn pass(&mut self, now: u64) {
        (self.now..now).for_each(|_| self.leak());
        self.now = now;
    }

    fn leak(&mut self) {
        if let Some(first) = self.units.front_mut() {
            *first -= 1;
        }
        if self.units.front() == Some(&0) {
            self.units.pop_front();
        }
    }
}

/// A bucket, and all sightings of values that are remembered.
pub(in crate::guard) struct Distinct {
    bucket: Bucket,
    sightings: Vec<(u64, u64)>,
}

impl Distinct {
    pub(in crate::guard) fn new(now: u64) -> Self {
        Self { bucket: Bucket::new(now), sightings: Vec::new() }
    }

    pub(in crate::guard) fn charge(&mut self, most: u32, every: u64, value: u64, now: u64) -> bool {
        self.pass(every * u64::from(most), now);
        let fires = !self.values().contains(&value) && self.bucket.charge(most, every, now);
        self.sightings.push((value, now));
        if fires {
            self.sightings.clear();
        }
        fires
    }

    pub(in crate::guard) fn forget(&mut self, every: u64, value: u64, now: u64) {
        if self.values().contains(&value) {
            self.sightings.retain(|sighting| sighting.0 != value);
            self.bucket.give_back(every, now);
        }
    }

    pub(in crate::guard) fn values(&self) -> BTreeSet<u64> {
        self.sightings.iter().map(|sighting| sighting.0).collect()
    }

    fn pass(&mut self, window: u64, now: u64) {
        for sighting in &mut self.sightings {
            sighting.1 = sighting.1.min(now);
        }
        self.sightings.retain(|sighting| sighting.1 + window > now);
    }
}

/// The times of all events since the counter began.
#[derive(Default)]
pub(in crate::guard) struct Gaps {
    pub(in crate::guard) times: Vec<u64>,
}

impl Gaps {
    pub(in crate::guard) fn charge(&mut self, last: usize, over: u64, now: u64) -> bool {
        for time in &mut self.times {
            *time = (*time).min(now);
        }
        if self.times.last().is_some_and(|time| now - time > 12 * over) {
            self.times.clear();
        }
        self.times.push(now);
        let mut gaps: Vec<u64> =
            self.times.windows(2).rev().take(last).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort();
        let fires = gaps.len() == last && median(&gaps) > over as f64;
        if fires {
            self.times.clear();
        }
        fires
    }
}

/// Exact for gaps below 2^51.
fn median(sorted: &[u64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half] as f64
    } else {
        (sorted[half - 1] as f64 + sorted[half] as f64) / 2.0
    }
}
