//! Reads the lines of `tests/data/guard-corpus.jsonl`. The server tests include this file too.

use serde::Deserialize;

/// One scenario with the events of one log, and what fires on them.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) test: String,
    pub(super) scenario: String,
    #[serde(flatten)]
    pub(super) form: Form,
    /// The quiet time after a rule has fired.
    pub(super) blackhole_ms: Option<u64>,
    /// What a distinct count counts.
    pub(super) distinct: Option<String>,
    pub(super) events: Vec<Event>,
    /// How many events fire.
    pub(super) overflows: usize,
    /// The events that fire, by their index.
    pub(super) at: Vec<usize>,
    /// Only `overflows` is known: the log has no times.
    pub(super) wallclock: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Form {
    /// A leaky bucket.
    Leaky { capacity: u32, leakspeed_ms: u64 },
    /// Fires on every event.
    Trigger {},
    /// The median of the gaps between the last `last` events.
    Interval { last: u32, median_ms: u64, strict: bool, idle_ms: u64 },
    /// Two places too far apart.
    Travel { km: u32, idle_ms: u64 },
    /// More than `more_than` distinct values, of the events that count.
    CountOf { more_than: u32, idle_ms: u64 },
}

#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) t_ms: u64,
    /// The subject.
    pub(super) key: String,
    pub(super) value: Option<String>,
    /// Empties the counter.
    #[serde(default)]
    pub(super) cancel: bool,
    pub(super) counts: Option<bool>,
    /// In degrees.
    pub(super) lat: Option<String>,
    pub(super) lon: Option<String>,
}

pub(super) fn all() -> Vec<Line> {
    const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/guard-corpus.jsonl"));
    TEXT.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
