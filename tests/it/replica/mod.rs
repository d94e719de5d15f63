//! Replicas hold the same data as their primary, receive changes only, and continue with the same
//! state when promoted.

mod broken_sync;
mod equal;
mod promoted;
mod resync;
mod sent;
mod writable;

use super::support::workload::{MAX_ENTRIES, Workload};
use super::support::{Builder, Random, Server, wait_until};

/// A primary with a low entry bound, so that entries are merged early.
fn primary() -> Server {
    Server::builder().config(format!("lockwatch.window-max-entries {MAX_ENTRIES}")).start()
}

/// A replica with another entry bound than its primary, which must make no difference.
fn replica_of(primary: &Server) -> Builder {
    Server::builder().config("lockwatch.window-max-entries 4000").replica_of(primary)
}

/// Waits until the short-lived keys of `primary` have expired and `replicas` have caught up.
#[track_caller]
fn settle(primary: &Server, replicas: &[&Server]) {
    let mut client = primary.client();
    wait_until("the short-lived keys expire", || client.run("KEYS brief:*").items().is_empty());
    replicas.iter().for_each(|replica| primary.wait_for_replica(replica));
}

fn workload() -> Workload {
    Workload::new(Random::new())
}

/// Stops `replica` and starts a server without a primary from its AOF.
#[track_caller]
fn start_alone(replica: Server) -> Server {
    // A server does not stop while it writes the first AOF after a full resynchronisation.
    replica.client().wait_for_aof_rewrite();
    Server::builder().config("appendonly yes").data_dir(replica.into_data()).start()
}
