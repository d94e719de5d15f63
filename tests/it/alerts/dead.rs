//! Dead letters: alerts whose tries are used up, and how they are replayed or discarded.

use super::{RUSH, assert_same_alert};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server, wait_until};

/// Raises an alert that becomes a dead letter at `endpoints` endpoints, and returns its id.
#[track_caller]
fn dead_letter(client: &mut Client, kind: &str, endpoints: usize) -> String {
    let id = client.alert(kind, r#"{"last":"words"}"#);
    wait_until("its tries are used up", || {
        client.dead().iter().filter(|dead| dead.id == id).count() == endpoints
    });
    id
}

fn failing() -> (Receiver, Server) {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(503));
    let server = Server::builder().alerting(&[&receiver]).hurrying(RUSH).start();
    (receiver, server)
}

#[test]
fn an_alert_becomes_a_dead_letter_after_its_tenth_try() {
    let (receiver, server) = failing();
    let mut client = server.client();
    let from = client.time_ms();
    let id = dead_letter(&mut client, "lost", 1);
    let to = client.time_ms();
    let tries = receiver.tries_of(&id);
    assert_eq!(tries.len(), 10);
    assert_same_alert(&tries);
    let dead = client.dead().remove(0);
    assert_eq!((&dead.id, &dead.kind[..], dead.tries), (&id, "lost", 10));
    assert_eq!(dead.endpoint, receiver.label());
    assert_eq!(dead.body.as_bytes(), tries[0].body);
    assert!(dead.reason.contains("503"), "{dead:?}");
    assert!((from..=to).contains(&dead.died_ms) && (from..=to).contains(&dead.timestamp_ms), "{dead:?}");
    assert!(id.starts_with(&dead.timestamp_ms.to_string()));
    assert!(client.waiting().is_empty());
    for (name, value) in [("dead", 1), ("dead_total", 1), ("queued", 0), ("delivered_total", 0)] {
        assert_eq!(client.alert_info(name), value, "{name}");
    }
    assert!(server.log().contains(&id), "the log does not name the alert:\n{}", server.log());
}

#[test]
fn a_replayed_dead_letter_is_delivered_with_the_same_id_and_body() {
    let (receiver, server) = failing();
    let mut client = server.client();
    let id = dead_letter(&mut client, "lost", 1);
    receiver.answer(Answer::status(200));
    assert_eq!(client.run(&format!("LW.ALERTS REPLAY {id}")).int(), 1);
    let tries = receiver.wait_for_tries(&id, 11);
    assert_same_alert(&tries);
    client.wait_until_delivered();
    assert!(client.dead().is_empty());
    assert_eq!(client.alert_info("dead"), 0);
    assert_eq!(client.alert_info("dead_total"), 1);
    assert_eq!(client.run(&format!("LW.ALERTS REPLAY {id}")).int(), 0);
}

#[test]
fn a_replayed_dead_letter_is_retried_until_it_arrives() {
    let (receiver, server) = failing();
    let mut client = server.client();
    let id = dead_letter(&mut client, "lost", 1);
    let before = receiver.count();
    assert_eq!(client.run("LW.ALERTS REPLAY ALL").int(), 1);
    receiver.wait_for(before + 3);
    receiver.answer(Answer::status(200));
    client.wait_until_delivered();
    assert_same_alert(&receiver.tries_of(&id));
}

#[test]
fn each_endpoint_has_its_own_dead_letter() {
    let receivers = [Receiver::start(), Receiver::start(), Receiver::start()];
    receivers[..2].iter().for_each(|receiver| receiver.answer(Answer::status(500)));
    let server = Server::builder().alerting(&receivers.each_ref()).hurrying(RUSH).start();
    let mut client = server.client();
    let id = dead_letter(&mut client, "lost", 2);
    let mut endpoints: Vec<String> = client.dead().into_iter().map(|dead| dead.endpoint).collect();
    endpoints.sort();
    let mut expected = receivers[..2].iter().map(Receiver::label).collect::<Vec<_>>();
    expected.sort();
    assert_eq!(endpoints, expected);
    receivers[..2].iter().for_each(|receiver| receiver.answer(Answer::status(200)));
    assert_eq!(client.run(&format!("LW.ALERTS REPLAY {id}")).int(), 2);
    client.wait_until_delivered();
    assert!(client.dead().is_empty());
    let counts = receivers.each_ref().map(|receiver| receiver.tries_of(&id).len());
    assert_eq!(counts, [11, 11, 1], "the endpoint that already had the alert gets it once");
}

#[test]
fn a_discarded_dead_letter_is_gone() {
    let (receiver, server) = failing();
    let mut client = server.client();
    let one = dead_letter(&mut client, "one", 1);
    // A success closes the circuit, so that the next alert can die as well.
    receiver.answer(Answer::status(200));
    client.alert("delivered", "1");
    client.wait_until_delivered();
    receiver.answer(Answer::status(500));
    let two = dead_letter(&mut client, "two", 1);
    assert_eq!(client.dead().iter().map(|dead| &dead.id).collect::<Vec<_>>(), [&two, &one]);
    assert_eq!(client.run("LW.ALERTS DEAD COUNT 1").items().len(), 1);
    let older = client.run(&format!("LW.ALERTS DEAD BEFORE {two}"));
    assert_eq!(older.items()[0].field("id").text(), one);
    assert_eq!(client.run(&format!("LW.ALERTS DEAD BEFORE {one}")).items().len(), 0);
    assert_eq!(client.run(&format!("LW.ALERTS DISCARD {one}")).int(), 1);
    assert_eq!(client.dead().iter().map(|dead| &dead.id).collect::<Vec<_>>(), [&two]);
    assert_eq!(client.run("LW.ALERTS DISCARD ALL").int(), 1);
    assert!(client.dead().is_empty());
    assert_eq!(client.alert_info("dead"), 0);
    for call in ["REPLAY ALL", "DISCARD ALL", &format!("DISCARD {one}"), &format!("REPLAY {two}")] {
        assert_eq!(client.run(&format!("LW.ALERTS {call}")).int(), 0, "{call}");
    }
}

#[test]
fn a_discarded_pending_alert_is_not_delivered() {
    let mut receiver = Receiver::start();
    receiver.stop();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    let id = client.alert("unwanted", "1");
    // The next try is seconds away, so none is in flight.
    wait_until("the first try has failed", || client.waiting()[0].pending[0].tries == 1);
    assert_eq!(client.run("LW.ALERTS DISCARD ALL").int(), 0, "ALL means all dead letters");
    assert_eq!(client.run(&format!("LW.ALERTS DISCARD {id}")).int(), 1);
    assert!(client.waiting().is_empty());
    receiver.start_again();
    let other = client.alert("wanted", "1");
    receiver.wait_for_alert(&other);
    client.wait_until_delivered();
    assert!(receiver.tries_of(&id).is_empty());
}
