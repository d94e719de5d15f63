//! LW.ALERT: ids, epochs, keys and replicas.

use super::server_for;
use crate::support::receiver::Receiver;
use crate::support::{Server, Value, wait_until};

#[test]
fn ids_are_unique_and_ascend() {
    let server = Server::start();
    let mut client = server.client();
    let calls: Vec<[String; 3]> =
        (0..5000).map(|i| ["LW.ALERT".into(), format!("type.{i}"), "1".into()]).collect();
    let ids: Vec<(u64, String, u64)> =
        client.pipeline(&calls).iter().map(|answer| parts(&answer.text())).collect();
    assert!(ids.windows(2).all(|pair| pair[0].2 < pair[1].2 && pair[0].0 <= pair[1].0));
    assert!(ids.iter().all(|id| id.1 == ids[0].1 && id.1.len() == 16));
}

/// The milliseconds, the epoch and the sequence number of an id.
#[track_caller]
fn parts(id: &str) -> (u64, String, u64) {
    let parts: Vec<&str> = id.split('-').collect();
    let [ms, epoch, seq] = parts[..] else { panic!("not ms-epoch-seq: {id}") };
    (ms.parse().unwrap(), epoch.to_owned(), seq.parse().unwrap())
}

#[test]
fn every_load_and_promotion_begins_a_new_epoch() {
    let mut server = Server::builder().config("appendonly yes").start();
    let mut client = server.client();
    let mut epochs = vec![parts(&client.alert("one", "1")).1];
    server.stop();
    server.start_again();
    client = server.client();
    epochs.push(parts(&client.alert("two", "1")).1);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    epochs.push(parts(&client.alert("three", "1")).1);
    let replica = Server::builder().replica_of(&server).start();
    server.wait_for_replica(&replica);
    replica.client().run("REPLICAOF NO ONE");
    epochs.push(parts(&replica.client().alert("four", "1")).1);
    epochs.push(parts(&client.alert("five", "1")).1);
    assert_eq!(epochs[4], epochs[2], "a primary keeps its epoch when it gets a replica");
    epochs.pop();
    let distinct: std::collections::BTreeSet<_> = epochs.iter().collect();
    assert_eq!(distinct.len(), epochs.len(), "{epochs:?}");
}

#[test]
fn lw_alert_has_no_key_and_is_a_write() {
    let server = Server::start();
    let mut client = server.client();
    let before = client.footprint();
    client.alert("one", "1");
    assert_ne!(client.footprint(), before, "the alert is saved and replicated");
    assert_eq!(client.run("DBSIZE").int(), 0);
    let keys = client.run("COMMAND GETKEYS LW.ALERT a 1");
    assert!(keys.is_error(), "{keys:?}");
}

#[test]
fn replicas_refuse_to_alert_even_if_writable() {
    let receiver = Receiver::start();
    let primary = server_for(&receiver);
    let replica = Server::builder().replica_of(&primary).start();
    let writable = Server::builder().config("replica-read-only no").replica_of(&primary).start();
    for server in [&replica, &writable] {
        primary.wait_for_replica(server);
        let mut client = server.client();
        for call in ["LW.ALERT a 1", "LW.ALERTS REPLAY ALL", "LW.ALERTS DISCARD ALL", "LW.ALERTS TEST"] {
            assert!(client.run(call).is_error(), "{call}");
        }
        assert_eq!(client.run("LW.ALERTS LIST"), Value::Array(vec![]));
    }
    let id = primary.client().alert("a", "1");
    receiver.wait_for_alert(&id);
    wait_until("the delivery is replicated", || replica.client().waiting().is_empty());
}

#[test]
fn subcommands_that_change_nothing_write_nothing() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    client.alert("a", "1");
    client.wait_until_delivered();
    let before = client.footprint();
    for call in ["LIST", "DEAD", "LIST COUNT 5", "REPLAY ALL", "DISCARD ALL", "TEST"] {
        assert!(!client.run(&format!("LW.ALERTS {call}")).is_error());
    }
    client.info("everything");
    assert_eq!(client.footprint(), before);
}
