//! The audit log: recording, persistence, shipping to a real Postgres exactly once, and queries,
//! through faults of both servers.

mod arguments;
mod contexts;
mod encodings;
mod erase;
mod faults;
mod full;
mod killed;
mod load;
mod pages;
mod partitions;
mod persistence;
mod poison;
mod query;
mod retention;
mod ring;
mod schema;
mod secrets;
mod sentinel;
mod shipping;
mod soak;
mod sqlstates;
mod tls;
mod verdicts;
mod volume;
mod words;

use crate::support::Server;
use crate::support::postgres::Postgres;

/// A database, and a server that ships to it.
fn pair() -> (Postgres, Server) {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    (postgres, server)
}

/// `soak` in a soak test (`LOCKWATCH_SOAK` is set), else `usual`.
fn scaled(usual: usize, soak: usize) -> usize {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { soak } else { usual }
}
