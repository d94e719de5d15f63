//! The counters of the lease commands. `info.rs` names them.

use crate::server::info::Counter;

/// New leases.
pub(super) static ACQUIRED: Counter = Counter::new();
/// Calls of LW.ACQUIRE for which there was no room.
pub(super) static DENIED: Counter = Counter::new();
/// Calls of LW.ACQUIRE for a lease that was there already.
pub(super) static REPEATED: Counter = Counter::new();
/// Calls of LW.RENEW that found their lease.
pub(super) static RENEWED: Counter = Counter::new();
/// Leases that LW.RELEASE ended.
pub(super) static RELEASED: Counter = Counter::new();
/// Leases that ended because their connection closed.
pub(super) static CLOSED: Counter = Counter::new();
/// Calls of LW.RENEW and LW.RELEASE for a lease that had ended or never was.
pub(super) static MISSED: Counter = Counter::new();
