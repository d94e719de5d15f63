//! Alerts: raising, persistence, signing and delivery to real receivers, through faults of the
//! receivers and of the server.

mod addresses;
mod answers;
mod botnet;
mod circuit;
mod dead;
mod dedup;
mod delivery;
mod endpoints;
mod failover;
mod files;
mod full;
mod headers;
mod hostile;
mod json;
mod killed;
mod list;
mod persistence;
mod raising;
mod recent;
mod rollup;
mod schedule;
mod secrets;
mod ship;
mod signed;
mod stalls;
mod test_alert;
mod tls;

use std::time::Duration;

use crate::support::receiver::{Receiver, Request};
use crate::support::{Client, Server};

/// Divides the waits between tries: the first retry comes after 50 ms, the third after 1.2 s.
const HURRY: u32 = 100;

/// Divides the waits between tries so that an alert uses up all of them within two seconds.
const RUSH: u32 = 50_000;

/// A server that alerts `receiver`, with waits shortened by [`HURRY`].
fn server_for(receiver: &Receiver) -> Server {
    Server::builder().alerting(&[receiver]).hurrying(HURRY).start()
}

/// Raises `n` alerts of distinct types, so that none is rolled up, and returns their ids.
#[track_caller]
fn raise(client: &mut Client, prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| client.alert(&format!("{prefix}.{i}"), &format!("{{\"n\":{i}}}"))).collect()
}

/// Asserts that all tries of one alert have the same id and body.
#[track_caller]
fn assert_same_alert<R: AsRef<Request>>(tries: &[R]) {
    let first = tries[0].as_ref();
    for other in &tries[1..] {
        assert_eq!(other.as_ref().id(), first.id());
        assert_eq!(other.as_ref().body.escape_ascii().to_string(), first.body.escape_ascii().to_string());
    }
    assert_eq!(first.member("id"), first.id());
}

fn median_and_max(times: &[Duration]) -> (Duration, Duration) {
    let mut sorted = times.to_vec();
    sorted.sort();
    (sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}
