//! Denied calls and peeks change nothing that replicas, WATCH or client-side caching could see.
//! Admitted calls do.

use crate::support::{Client, Server, Value};

/// Starts a primary with a full key `k` (3 in 60 s) and a replica. Without a replica the
/// replication offset would not move.
fn primary_with_a_full_key() -> (Server, Server) {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    primary.client().ratelimit("k 3 60 COST 3");
    (replica, primary)
}

const UNCHANGING: [&str; 8] = [
    "LW.RATELIMIT k 3 60",
    "LW.RATELIMIT k 0 60",
    "LW.RATELIMIT k 3 60 1 1s 9 1h COST 2",
    "LW.RATELIMIT k 1 60 COST 2",
    "LW.PEEK k 3 60",
    "LW.PEEK k 30 60",
    "LW.PEEK k 3 60 COST 0",
    "LW.PEEK k 5 1d 4 1ms",
];

#[test]
fn a_denied_call_and_a_peek_write_nothing() {
    let (_replica, primary) = primary_with_a_full_key();
    let mut client = primary.client();
    let (dump, expiry) = (client.run("DUMP k"), client.run("PEXPIRETIME k"));
    let before = client.footprint();
    for line in UNCHANGING {
        assert!(!client.run(line).is_error(), "{line}");
        assert_eq!(client.run("DUMP k"), dump, "{line}");
        assert_eq!(client.run("PEXPIRETIME k"), expiry, "{line}");
        assert_eq!(client.footprint(), before, "{line}");
    }
    client.run("LW.RATELIMIT nothing 0 60");
    client.run("LW.PEEK nothing 1 60");
    assert_eq!(client.footprint(), before);
}

#[test]
fn an_admitted_call_makes_one_change() {
    let (replica, primary) = primary_with_a_full_key();
    let mut client = primary.client();
    let before = (client.run("DUMP k"), client.info("everything"));
    client.ratelimit("k 4 60");
    let after = (client.run("DUMP k"), client.info("everything"));
    assert_ne!(before.0, after.0);
    for field in ["rdb_changes_since_last_save", "master_repl_offset"] {
        assert!(after.1.number(field) > before.1.number(field), "{field}");
    }
    assert_eq!(
        after.1.number("rdb_changes_since_last_save"),
        before.1.number("rdb_changes_since_last_save") + 1
    );
    primary.wait_for_replica(&replica);
    assert_eq!(replica.client().run("DUMP k"), after.0);
}

/// Returns whether `line`, run by another client, aborts a transaction that watches `k`.
fn aborts_a_watcher(server: &Server, line: &str) -> bool {
    let mut watcher = server.client();
    watcher.run("WATCH k");
    assert!(!server.client().run(line).is_error(), "{line}");
    watcher.multi(&["PING"]).is_none()
}

#[test]
fn only_admitted_calls_abort_a_transaction_that_watches_the_key() {
    let (_replica, primary) = primary_with_a_full_key();
    for line in UNCHANGING {
        assert!(!aborts_a_watcher(&primary, line), "{line}");
    }
    assert!(aborts_a_watcher(&primary, "LW.RATELIMIT k 4 60"));
    primary.client().run("DEL k");
    assert!(!aborts_a_watcher(&primary, "LW.RATELIMIT k 0 60"));
    assert!(aborts_a_watcher(&primary, "LW.RATELIMIT k 1 60"), "the call that creates the key");
}

/// Returns the push messages that `reader` has got so far. They arrive before the reply to a later
/// call.
fn pushed(reader: &mut Client) -> Vec<Value> {
    reader.send(&["ECHO", "that is all"]);
    let until_echo =
        std::iter::from_fn(|| Some(reader.read()).filter(|value| matches!(value, Value::Push(_))));
    until_echo.collect()
}

#[test]
fn only_admitted_calls_invalidate_client_side_caches() {
    let (_replica, primary) = primary_with_a_full_key();
    let mut reader = primary.client();
    reader.run("HELLO 3");
    assert_eq!(reader.run("CLIENT TRACKING ON").text(), "OK");
    reader.peek("k 3 60");
    for line in UNCHANGING {
        primary.client().run(line);
        assert_eq!(pushed(&mut reader), [], "{line}");
    }
    primary.client().ratelimit("k 4 60");
    let messages = pushed(&mut reader);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].items()[0].text(), "invalidate");
    assert_eq!(messages[0].items()[1].texts(), ["k"]);
}

#[test]
fn peeks_and_denied_calls_do_not_change_the_dump() {
    let server = Server::start();
    let mut client = server.client();
    // The second call finds an expired entry in the short window and caches that, which is not a
    // change.
    client.ratelimit("k 5 1ms 5 1h");
    let dump = client.run("DUMP k");
    let called_at = client.time_ms();
    crate::support::wait_until("the short window is over", || client.time_ms() > called_at + 1);
    assert!(!client.peek("k 5 1ms 5 1h").limited);
    assert!(client.ratelimit("k 5 1ms 1 1h").limited);
    assert_eq!(client.run("DUMP k"), dump);
}
