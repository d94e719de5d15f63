//! The counters of the audit log.

use crate::server::info::Counter;

/// Events recorded, those that report a gap included.
pub(crate) static APPENDED: Counter = Counter::new();
/// Events that Postgres has, or that were older than the retention.
pub(crate) static SHIPPED: Counter = Counter::new();
/// Events not stored, because they were older than the retention when they were shipped.
pub(crate) static EXPIRED: Counter = Counter::new();
/// Events refused for want of room.
pub(crate) static REFUSED: Counter = Counter::new();
/// Events that report a gap.
pub(crate) static GAPS: Counter = Counter::new();
/// Events that Postgres refused as data.
pub(crate) static DEAD: Counter = Counter::new();
/// Dead letters dropped for want of room.
pub(crate) static DROPPED: Counter = Counter::new();
/// Events removed by LW.AUDITLOG ERASE, wherever they were.
pub(crate) static ERASED: Counter = Counter::new();
/// Events overwritten by newer ones, where there is no database.
pub(crate) static OVERWRITTEN: Counter = Counter::new();
