//! LW.BURST as a caller sees it. That its keys survive what the limiter's do is tested with those.

mod arguments;
mod contexts;
mod cooldown;
mod failover;
mod info;
mod kept;
mod keys;
mod reply;

use super::support::Burst;

/// The reply to a call that is no burst.
fn calm(count: i64) -> Burst {
    Burst { burst: false, count, alerted: false }
}

/// The reply to a call in a burst that raises an alert.
fn alerted(count: i64) -> Burst {
    Burst { burst: true, count, alerted: true }
}

/// The reply to a call in a burst that raises none.
fn quiet(count: i64) -> Burst {
    Burst { burst: true, count, alerted: false }
}
