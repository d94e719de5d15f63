//! The counters of the alerts.

use crate::server::info::Counter;

/// Alerts raised, those in summaries included.
pub(crate) static RAISED: Counter = Counter::new();
/// Deliveries: an alert that two endpoints took counts twice.
pub(crate) static DELIVERED: Counter = Counter::new();
/// Failed tries that will be repeated.
pub(crate) static RETRIED: Counter = Counter::new();
/// Deliveries given up after the last try.
pub(crate) static DEAD: Counter = Counter::new();
/// Alerts lost for want of room.
pub(crate) static DROPPED: Counter = Counter::new();
/// Dead letters that gave way to newer ones.
pub(crate) static DEAD_DROPPED: Counter = Counter::new();
/// Calls of LW.ALERT refused for want of room.
pub(crate) static REFUSED: Counter = Counter::new();
/// Calls of LW.ALERT suppressed by DEDUP.
pub(crate) static DEDUPLICATED: Counter = Counter::new();
/// Alerts that became part of a summary.
pub(crate) static ROLLED_UP: Counter = Counter::new();
