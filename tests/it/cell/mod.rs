//! CL.THROTTLE: replies under a stopped clock, errors, contexts, and what is written.

mod arguments;
mod contexts;
mod copies;
mod loading;
mod reply;
mod unchanged;

use super::support::{Builder, Client, Server};

const SYNTAX: &str = "CL.THROTTLE key max_burst count period [quantity]";

fn builder() -> Builder {
    Server::builder().module_args("cl-throttle yes")
}

/// A server whose commands see a clock that stands still an hour from now, so that the server,
/// whose own clock goes on, expires no key.
fn stopped() -> (Server, Client, i64) {
    let server = builder().start();
    let mut client = server.client();
    let now = client.time_ms() + 3_600_000;
    stop(&mut client, now);
    (server, client, now)
}

#[track_caller]
fn stop(client: &mut Client, ms: i64) {
    assert_eq!(client.run(&format!("LW.DEBUG STOP {ms}")).text(), "OK");
}

#[track_caller]
fn throttle(client: &mut Client, args: &str) -> Vec<i64> {
    client.run(&format!("CL.THROTTLE {args}")).ints()
}
