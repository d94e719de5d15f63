//! However a server saves, loads, copies or rewrites its data, later decisions stay the same.

mod aof;
mod copies;
mod crash;
mod journal;
mod leaving;
mod purge;
mod rdb;
mod repeated_effects;

use super::support::workload::{MAX_ENTRIES, Workload};
use super::support::{Builder, Client, Random, Server};

/// A server with a low entry bound, so that entries are merged early.
fn builder() -> Builder {
    Server::builder().config(format!("lockwatch.window-max-entries {MAX_ENTRIES}"))
}

/// A server with an AOF, whose rewritten form starts with an RDB preamble if `preamble`. With
/// `appendfsync always` every answered call is in the file.
fn with_aof(preamble: bool) -> Builder {
    let preamble = if preamble { "yes" } else { "no" };
    builder()
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
}

/// Fills an empty server with keys of every kind.
#[track_caller]
fn fill(client: &mut Client) -> Workload {
    let mut workload = Workload::new(Random::new());
    workload.fill(client);
    workload
}
