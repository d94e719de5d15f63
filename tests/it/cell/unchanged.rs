//! Denials, quantity 0, errors, and giving back what was not taken write nothing. Other calls make
//! one change.

use super::{builder, stop, stopped, throttle};
use crate::support::{Client, Server, Value};

/// The key `k` has no unit left, and `free` holds a time that is over.
fn server_with_a_full_key() -> (Server, Server, Client) {
    let (server, mut client, now) = stopped();
    let replica = builder().replica_of(&server).start();
    throttle(&mut client, "free 4 60 60");
    throttle(&mut client, "k 4 1 60 5");
    stop(&mut client, now + 5000);
    server.wait_for_replica(&replica);
    (replica, server, client)
}

const UNCHANGING: [&str; 8] = [
    "CL.THROTTLE k 4 1 60",
    "CL.THROTTLE k 4 1 60 0",
    "CL.THROTTLE k 400 1 60 0",
    "CL.THROTTLE k 400 1 60 402",
    "CL.THROTTLE free 4 1 60 6",
    "CL.THROTTLE free 4 1 60 0",
    "CL.THROTTLE free 4 1 60 -1",
    "CL.THROTTLE nothing 4 1 60 -1",
];

#[test]
fn denials_and_quantity_0_write_nothing() {
    let (_replica, _server, mut client) = server_with_a_full_key();
    let values = ["DUMP k", "PEXPIRETIME k", "DUMP free", "PEXPIRETIME free"];
    let before = client.run_all(&values);
    let footprint = client.footprint();
    for line in UNCHANGING {
        assert!(!client.run(line).is_error(), "{line}");
        assert_eq!(client.run_all(&values), before, "{line}");
        assert_eq!(client.footprint(), footprint, "{line}");
    }
    assert_eq!(client.run("EXISTS nothing").int(), 0);
}

/// Returns whether `line`, run by another client, aborts a transaction that watches `k`.
fn aborts_a_watcher(server: &Server, line: &str) -> bool {
    let mut watcher = server.client();
    watcher.run("WATCH k");
    assert!(!server.client().run(line).is_error(), "{line}");
    watcher.multi(&["PING"]).is_none()
}

#[test]
fn only_a_change_aborts_a_transaction_that_watches_the_key() {
    let (_replica, server, mut client) = server_with_a_full_key();
    for line in UNCHANGING {
        assert!(!aborts_a_watcher(&server, line), "{line}");
    }
    assert!(aborts_a_watcher(&server, "CL.THROTTLE k 9 1 60"));
    assert!(aborts_a_watcher(&server, "CL.THROTTLE k 9 1 60 -1"));
    client.run("DEL k");
    assert!(!aborts_a_watcher(&server, "CL.THROTTLE k 9 1 60 0"));
    assert!(aborts_a_watcher(&server, "CL.THROTTLE k 9 1 60"), "the call that creates the key");
}

#[test]
fn an_admitted_call_is_one_change_and_invalidates_client_side_caches() {
    let (_replica, server, mut client) = server_with_a_full_key();
    let mut reader = server.client();
    reader.run("HELLO 3");
    reader.run("CLIENT TRACKING ON");
    reader.run("GET k");
    let before = client.info("persistence").number("rdb_changes_since_last_save");
    UNCHANGING.iter().for_each(|line| drop(client.run(line)));
    assert_eq!(reader.run("PING").text(), "PONG");
    throttle(&mut client, "k 9 1 60");
    assert_eq!(client.info("persistence").number("rdb_changes_since_last_save"), before + 1);
    let Value::Push(message) = reader.read() else { panic!("no invalidation message") };
    assert_eq!((message[0].text(), message[1].texts()), ("invalidate".into(), vec!["k".to_owned()]));
}

#[test]
fn answered_and_denied_calls_are_counted() {
    let (_server, mut client, _) = stopped();
    for _ in 0..4 {
        throttle(&mut client, "k 1 1 60");
    }
    client.run("CL.THROTTLE k x 1 60");
    let info = client.info("lockwatch");
    assert_eq!(info.number("lockwatch_cell_calls_total"), 4);
    assert_eq!(info.number("lockwatch_cell_denied_total"), 2);
}
