//! Only a primary sends alerts, and a promoted replica sends what its primary had not delivered.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{HURRY, raise};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Builder, Client, Server, Stop, Value, beside, wait_until};

fn builder(receiver: &Receiver) -> Builder {
    Server::builder().alerting(&[receiver]).hurrying(HURRY)
}

#[test]
fn a_replica_sends_nothing_until_it_is_promoted() {
    let (of_primary, of_replica) = (Receiver::start(), Receiver::start());
    let primary = builder(&of_primary).start();
    let replica = builder(&of_replica).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let ids = raise(&mut client, "delivered", 20);
    ids.iter().for_each(|id| drop(of_primary.wait_for_alert(id)));
    client.wait_until_delivered();
    primary.wait_for_replica(&replica);
    wait_until("the replica has no pending alerts", || replica.client().waiting().is_empty());
    assert!(replica.threads().iter().all(|name| !name.starts_with("lw-")), "{:?}", replica.threads());
    assert_eq!(of_replica.connections(), 0);
    replica.client().run("REPLICAOF NO ONE");
    let id = replica.client().alert("mine", "1");
    of_replica.wait_for_alert(&id);
    replica.client().wait_until_delivered();
    assert_eq!(of_replica.count(), 1, "a delivered alert is not delivered again");
}

#[test]
fn a_promoted_replica_delivers_the_alerts_that_its_primary_could_not() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let mut primary = builder(&receiver).start();
    let replica = builder(&receiver).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let ids = raise(&mut client, "owed", 300);
    receiver.wait_for(3);
    primary.wait_for_replica(&replica);
    primary.kill();
    let before = receiver.count();
    receiver.answer(Answer::status(200));
    replica.client().run("REPLICAOF NO ONE");
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    let mut client = replica.client();
    client.wait_until_delivered();
    let delivered = receiver.requests()[before..].len();
    assert_eq!(delivered, ids.len(), "each alert is delivered once");
    ids.iter().for_each(|id| super::assert_same_alert(&receiver.tries_of(id)));
}

#[test]
fn a_failover_under_load_loses_no_acknowledged_alert() {
    let receiver = Receiver::start();
    let one = builder(&receiver).start();
    let other = builder(&receiver).replica_of(&one).start();
    one.wait_for_replica(&other);
    let (mut primary, mut replica) = (&one, &other);
    let (ids, acknowledged) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    for round in 0..4 {
        let enough = acknowledged.load(Ordering::Relaxed) + 200;
        let load = |i, stop: &Stop| {
            hammer(&mut primary.client(), &format!("{round}.{i}"), &ids, &acknowledged, stop);
        };
        beside(3, load, || {
            wait_until("the load is running", || acknowledged.load(Ordering::Relaxed) > enough);
            assert_eq!(primary.client().run("FAILOVER").text(), "OK");
            wait_until("the roles are swapped", || replica.info("replication").text("role") == "master");
        });
        std::mem::swap(&mut primary, &mut replica);
        primary.wait_for_replica(replica);
    }
    let ids = ids.into_inner().unwrap();
    primary.client().wait_until_delivered();
    ids.iter().for_each(|id: &String| assert!(!receiver.tries_of(id).is_empty(), "{id} is lost"));
    let repeats = receiver.count() - ids.len();
    eprintln!("{} alerts over 4 failovers, {repeats} sent again", ids.len());
    primary.wait_for_replica(replica);
    wait_until("the replica has no pending alerts", || replica.client().waiting().is_empty());
}

/// Raises alerts until the server answers READONLY.
fn hammer(client: &mut Client, who: &str, ids: &Mutex<Vec<String>>, acknowledged: &AtomicUsize, stop: &Stop) {
    for n in (0..).take_while(|_| !stop.is_set()) {
        match client.call(&["LW.ALERT", &format!("load.{who}.{n}"), "1"]) {
            Value::Bulk(id) => ids.lock().unwrap().push(String::from_utf8(id).unwrap()),
            Value::Error(message) => {
                assert!(message.starts_with("READONLY"), "{message}");
                return;
            }
            other => panic!("LW.ALERT answered {other:?}"),
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_promoted_replica_does_not_alert_again_within_the_cooldown_of_a_burst() {
    let receiver = Receiver::start();
    let mut primary = builder(&receiver).start();
    let replica = builder(&receiver).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    for i in 0..5 {
        assert_eq!(client.run(&format!("LW.BURST key:{i} 1 60 COOLDOWN 1h")).ints(), [1, 1, 1]);
    }
    receiver.wait_for(5);
    client.wait_until_delivered();
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    client.run("REPLICAOF NO ONE");
    for i in 0..5 {
        assert_eq!(client.run(&format!("LW.BURST key:{i} 1 60 COOLDOWN 1h")).ints(), [1, 2, 0]);
    }
    assert_eq!(client.run("LW.BURST other 1 60").ints(), [1, 1, 1]);
    receiver.wait_for(6);
    client.wait_until_delivered();
    assert_eq!(receiver.count(), 6);
}

#[test]
fn a_demoted_primary_stops_sending_and_drops_alerts_unknown_to_its_new_primary() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let (old, new) = (builder(&receiver).start(), builder(&receiver).start());
    let mut client = old.client();
    let ids = raise(&mut client, "of.the.old", 5);
    receiver.wait_for(6);
    let address = new.address();
    assert_eq!(client.run(&format!("REPLICAOF {} {}", address.ip(), address.port())).text(), "OK");
    new.wait_for_replica(&old);
    assert!(client.waiting().is_empty());
    wait_until("the delivery threads end", || old.threads().iter().all(|name| !name.starts_with("lw-alert")));
    let before = receiver.count();
    receiver.answer(Answer::status(200));
    let news = raise(&mut new.client(), "of.the.new", 30);
    news.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    new.client().wait_until_delivered();
    let sent: Vec<String> =
        receiver.requests()[before..].iter().map(|request| request.id().to_owned()).collect();
    assert!(ids.iter().all(|id| !sent.contains(id)));
    assert_eq!(sent.len(), 30);
}

#[test]
fn a_try_that_ends_after_a_demotion_does_no_harm() {
    let receiver = Receiver::start();
    receiver.answer(Answer::Hang);
    let (old, new) = (builder(&receiver).start(), builder(&receiver).start());
    let mut client = old.client();
    client.set("webhook-timeout", "1");
    raise(&mut client, "hanging", 3);
    receiver.wait_for(1);
    let address = new.address();
    client.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    new.wait_for_replica(&old);
    wait_until("the delivery thread ends", || old.threads().iter().all(|name| !name.starts_with("lw-alert")));
    assert_eq!(client.alert_info("queued"), 0);
    client.run("REPLICAOF NO ONE");
    receiver.answer(Answer::status(200));
    let id = client.alert("again", "1");
    receiver.wait_for_alert(&id);
    client.wait_until_delivered();
}

#[test]
fn a_late_answer_does_not_complete_another_alert_with_the_same_number() {
    let receiver = Receiver::start();
    let late = Answer::Late(Duration::from_millis(1500), Box::new(Answer::status(200)));
    receiver.answer_first([late], Answer::status(200));
    let (server, other) = (builder(&receiver).start(), Server::start());
    let mut client = server.client();
    let first = client.alert("first", "1");
    receiver.wait_for(1);
    // The full synchronisation replaces the first alert with the first alert of the other server,
    // which has the same sequence number.
    let second = other.client().alert("second", "1");
    let address = other.address();
    client.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    other.wait_for_replica(&server);
    client.set("ship", "no");
    client.run("REPLICAOF NO ONE");
    assert_eq!(client.waiting()[0].id, second);
    wait_until("the try of the first alert has ended", || {
        server.threads().iter().all(|name| !name.starts_with("lw-alert"))
    });
    client.set("ship", "yes");
    client.wait_until_delivered();
    let sent: Vec<String> = receiver.requests().iter().map(|request| request.id().to_owned()).collect();
    assert_eq!(sent, [first, second]);
}

#[test]
fn an_answer_that_arrives_during_client_pause_is_recorded_after_it() {
    let receiver = Receiver::start();
    let server = builder(&receiver).start();
    let mut client = server.client();
    receiver.answer(Answer::Late(std::time::Duration::from_millis(200), Box::new(Answer::status(200))));
    let id = client.alert("slow", "1");
    receiver.wait_for_alert(&id);
    assert_eq!(client.run("CLIENT PAUSE 1500 WRITE").text(), "OK");
    // The answer arrives during the pause, when nothing may be replicated.
    client.wait_until_delivered();
    assert_eq!(receiver.tries_of(&id).len(), 1);
    let other = client.alert("after", "1");
    receiver.wait_for_alert(&other);
}

#[test]
fn direct_and_chained_replicas_have_the_pending_alerts_of_their_primary() {
    let receiver = Receiver::start();
    receiver.answer_by(|request| Answer::status(if request.kind().ends_with('3') { 500 } else { 200 }));
    let primary = builder(&receiver).start();
    let direct = builder(&receiver).replica_of(&primary).start();
    primary.wait_for_replica(&direct);
    let indirect = builder(&receiver).config("appendonly yes").replica_of(&direct).start();
    direct.wait_for_replica(&indirect);
    let mut client = primary.client();
    raise(&mut client, "any", 14);
    wait_until("only the two failing alerts are pending", || client.waiting().len() == 2);
    client.set("ship", "no");
    let ids = |client: &mut Client| -> Vec<(String, i64)> {
        client.waiting().into_iter().map(|w| (w.id, w.pending[0].tries)).collect()
    };
    for replica in [&direct, &indirect] {
        wait_until("the replica has the same pending alerts", || {
            ids(&mut replica.client()) == ids(&mut client)
        });
    }
    assert_eq!(direct.client().alert_info("queued"), 2);
}
