mod keys;
mod limits;
mod peek;
mod reply;
mod retry;
mod unchanged;
mod windows;

use super::support::Reply;

/// The reply of an admitted call.
fn admitted(limit: i64, remaining: i64, reset_after: i64) -> Reply {
    Reply { limited: false, limit, remaining, retry_after: 0, reset_after }
}
