//! Replicas: they hold what their primary holds, they are sent what changed and nothing else, and one that takes over
//! goes on where the primary stopped.

mod equal;
mod promoted;
mod quiet;
mod resync;
mod writable;

use super::support::workload::{MAX_ENTRIES, Workload};
use super::support::{Builder, Random, Server, wait_until};

/// A server that merges entries early.
fn primary() -> Server {
    Server::builder().config(format!("lockwatch.window-max-entries {MAX_ENTRIES}")).start()
}

/// A replica that is configured otherwise than its primary, which must not matter.
fn replica_of(primary: &Server) -> Builder {
    Server::builder().config("lockwatch.window-max-entries 4000").replica_of(primary)
}

/// Waits until no key of `primary` is about to expire and `replicas` have all it has sent.
#[track_caller]
fn settle(primary: &Server, replicas: &[&Server]) {
    let mut client = primary.client();
    wait_until("the brief keys expire", || client.run("KEYS brief:*").items().is_empty());
    replicas.iter().for_each(|replica| primary.wait_for_replica(replica));
}

fn workload() -> Workload {
    Workload::new(Random::new())
}

/// The server that starts alone from the AOF of `replica`.
#[track_caller]
fn alone(replica: Server) -> Server {
    // A server does not end while it writes the first AOF after a full resynchronisation.
    wait_until("its AOF is complete", || {
        let state = replica.info("persistence");
        ["aof_rewrite_in_progress", "aof_rewrite_scheduled"].iter().all(|field| state.number(field) == 0)
    });
    Server::builder().config("appendonly yes").data_dir(replica.into_data()).start()
}
