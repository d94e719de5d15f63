//! After ten failures in a row an endpoint is only probed, and alerts use up no tries on it.

use std::time::Duration;

use super::raise;
use crate::support::alerts::Waiting;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server, wait_until};

/// The interval of probes, shortened from one minute.
const PROBE_MS: u64 = 40;
const HURRY: u32 = 60_000 / PROBE_MS as u32;

fn tries(waiting: &[Waiting], place: usize) -> i64 {
    waiting.iter().map(|waiting| waiting.pending[place].tries).sum()
}

#[track_caller]
fn wait_until_open(client: &mut Client, place: usize) {
    wait_until("the circuit is open", || client.endpoint_info(place)["state"] == "open");
}

#[test]
fn an_open_circuit_sends_probes_that_use_up_no_tries() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    let mut client = server.client();
    let ids = raise(&mut client, "failing", 4);
    wait_until_open(&mut client, 0);
    let spent = tries(&client.waiting(), 0);
    assert_eq!(spent, 10);
    let before = receiver.wait_for(11).len();
    let probes = receiver.wait_for(before + 10);
    assert_eq!(tries(&client.waiting(), 0), spent, "probes use up no tries");
    for pair in probes[before..].windows(2) {
        let gap = pair[1].arrived.duration_since(pair[0].arrived);
        assert!(gap >= Duration::from_millis(PROBE_MS - 2), "a probe after {gap:?}");
    }
    // New alerts are queued and use up no tries either.
    let more = raise(&mut client, "waiting", 20);
    receiver.wait_for(receiver.count() + 3);
    assert_eq!(client.waiting().len(), 24);
    assert_eq!(tries(&client.waiting(), 0), spent);
    receiver.answer(Answer::status(200));
    ids.iter().chain(&more).for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
    assert_eq!(client.endpoint_info(0)["state"], "ok");
    assert!(client.dead().is_empty());
}

#[test]
fn a_success_resets_the_count_of_failures() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY * 20).start();
    let mut client = server.client();
    // Every fifth request succeeds, so there are never ten failures in a row.
    let mut n = 0;
    receiver.answer_by(move |_| {
        n += 1;
        Answer::status(if n % 5 == 0 { 200 } else { 500 })
    });
    raise(&mut client, "now.and.then", 6);
    wait_until("the alerts are delivered", || {
        assert_ne!(client.endpoint_info(0)["state"], "open");
        client.alert_info("queued") == 0
    });
}

#[test]
fn each_endpoint_has_its_own_circuit() {
    let (bad, good) = (Receiver::start(), Receiver::start());
    bad.answer(Answer::Close);
    let server = Server::builder().alerting(&[&bad, &good]).hurrying(HURRY).start();
    let mut client = server.client();
    raise(&mut client, "one", 3);
    wait_until_open(&mut client, 0);
    let id = client.alert("two", "1");
    good.wait_for_alert(&id);
    assert_eq!(client.endpoint_info(1)["state"], "ok");
}

#[test]
fn a_hanging_probe_does_not_prevent_the_circuit_from_closing() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    let mut client = server.client();
    client.set("webhook-timeout", "1");
    raise(&mut client, "failing", 2);
    wait_until_open(&mut client, 0);
    receiver.answer(Answer::Hang);
    receiver.wait_for(receiver.count() + 1);
    receiver.answer(Answer::status(200));
    client.wait_until_delivered();
}
