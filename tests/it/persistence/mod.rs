//! What survives: every way in which a server saves, loads, copies or rewrites its data keeps every decision.

mod aof;
mod copies;
mod crash;
mod rdb;
mod twice;

use super::support::workload::{MAX_ENTRIES, Workload};
use super::support::{Builder, Client, Random, Server};

/// A server that merges entries early.
fn builder() -> Builder {
    Server::builder().config(format!("lockwatch.window-max-entries {MAX_ENTRIES}"))
}

/// A server that saves what it does in an AOF, whose rewritten form begins with an RDB or does not. What it has
/// answered is in the file, whatever happens next.
fn with_aof(preamble: bool) -> Builder {
    let preamble = if preamble { "yes" } else { "no" };
    builder()
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
}

/// Puts keys of every kind into an empty server.
#[track_caller]
fn fill(client: &mut Client) -> Workload {
    let mut workload = Workload::new(Random::new());
    workload.fill(client);
    workload
}
