//! Samples the servers, and writes what they said as metrics.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::connect::fleet::Fleet;
use crate::sampler::{MAX_AGE, Sample, Sampler};

use super::absent::Absent;
use super::metric::Format;
use super::watch::Watch;
use super::{endpoints, lists, log, nodes, tables};

pub struct Source {
    sampler: Sampler,
    memory: Mutex<Memory>,
}

/// What is remembered from one sample to the next.
#[derive(Default)]
struct Memory {
    watch: Watch,
    absent: Absent,
}

impl Source {
    pub fn new(fleet: Fleet) -> Self {
        Self { sampler: Sampler::new(Arc::new(fleet), MAX_AGE), memory: Mutex::default() }
    }

    /// How long to wait for a server's answer.
    pub fn time_limit(&self) -> Duration {
        self.sampler.fleet().timeout()
    }

    /// What all servers say, and which servers are gone. Logs what has changed since the last time.
    pub async fn sample(&self) -> (Arc<Sample>, Vec<String>) {
        let sample = self.sampler.sample().await;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.watch.changes(&sample).iter().for_each(|line| log::line(line));
        let absent = memory.absent.of(&sample);
        (sample, absent)
    }

    /// The metrics of all servers.
    pub async fn text(&self, format: Format) -> Result<String, fmt::Error> {
        let (sample, absent) = self.sample().await;
        let mut metrics = nodes::metrics(&sample, &absent);
        metrics.extend(tables::metrics(&sample));
        metrics.extend(lists::metrics(&sample));
        metrics.extend(endpoints::metrics(&sample));
        format.write(metrics)
    }
}
