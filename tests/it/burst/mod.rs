//! LW.BURST. The tests of the limiter's keys (persistence, replicas, RESTORE) cover the keys of
//! LW.BURST as well.

mod arguments;
mod contexts;
mod cooldown;
mod failover;
mod info;
mod keys;
mod persistence;
mod reply;

use super::support::Burst;

/// The reply to a call below the threshold.
fn below(count: i64) -> Burst {
    Burst { burst: false, count, alerted: false }
}

/// The reply to a call in a burst that raises an alert.
fn alerted(count: i64) -> Burst {
    Burst { burst: true, count, alerted: true }
}

/// The reply to a call in a burst that raises no alert, because of the cooldown.
fn suppressed(count: i64) -> Burst {
    Burst { burst: true, count, alerted: false }
}
