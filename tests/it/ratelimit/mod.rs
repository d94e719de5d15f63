mod force;
mod keys;
mod limits;
mod peek;
mod refund;
mod reply;
mod retry;
mod settle;
mod unchanged;
mod windows;

use super::support::{Client, Reply};

/// The reply of an admitted call.
fn admitted(limit: i64, remaining: i64, reset_after: i64) -> Reply {
    Reply { limited: false, limit, remaining, retry_after: 0, reset_after }
}

/// Makes a call with an error that contains `what`, and that changes nothing.
#[track_caller]
fn refused_arguments(client: &mut Client, args: &[&str], what: &str) {
    let message = super::hostile::refused(client, args);
    assert!(message.contains(what), "{message:?} does not say {what:?}");
}
