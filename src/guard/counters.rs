//! The counters of guards. `info.rs` names them.

use crate::server::info::Counter;

/// Calls of LW.ATTEMPT.
pub(crate) static ATTEMPTS: Counter = Counter::new();
/// Attempts that were admitted.
pub(crate) static ADMITTED: Counter = Counter::new();
/// Attempts that were challenged.
pub(crate) static CHALLENGED: Counter = Counter::new();
/// Attempts that were denied.
pub(crate) static DENIED: Counter = Counter::new();
/// Calls of LW.EVENT with an outcome of a login.
pub(crate) static OUTCOMES: Counter = Counter::new();
/// Calls of LW.EVENT with `success`.
pub(crate) static SUCCESSES: Counter = Counter::new();
/// Calls of LW.EVENT with another kind.
pub(crate) static EVENTS: Counter = Counter::new();
/// Calls of LW.CHECK.
pub(crate) static CHECKS: Counter = Counter::new();
/// Checks that were denied.
pub(crate) static CHECKS_DENIED: Counter = Counter::new();
/// Bans by rules.
pub(crate) static BANS: Counter = Counter::new();
/// Bans that became challenges.
pub(crate) static BANS_RESTRAINED: Counter = Counter::new();
/// Subjects that were not added because memory or the budget was short.
pub(crate) static REFUSED: Counter = Counter::new();
/// Bans, challenges and allow entries that LW.LIFT ended.
pub(crate) static LIFTED: Counter = Counter::new();
