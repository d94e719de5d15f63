//! A call that changes nothing leaves no trace; one that does is seen by all who watch.

use crate::support::{Client, Server, Value};

/// A primary with a full key `k` (3 in 60 s) and a replica, so that its replication offset moves with every write.
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
fn an_admitted_call_writes() {
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

/// Whether a transaction that watches `k` is aborted by `line`, run by another client in between.
fn aborts_a_watcher(server: &Server, line: &str) -> bool {
    let mut watcher = server.client();
    watcher.run("WATCH k");
    assert!(!server.client().run(line).is_error(), "{line}");
    watcher.multi(&["PING"]).is_none()
}

#[test]
fn a_transaction_that_watches_the_key_is_aborted_by_admitted_calls_only() {
    let (_replica, primary) = primary_with_a_full_key();
    for line in UNCHANGING {
        assert!(!aborts_a_watcher(&primary, line), "{line}");
    }
    assert!(aborts_a_watcher(&primary, "LW.RATELIMIT k 4 60"));
    primary.client().run("DEL k");
    assert!(!aborts_a_watcher(&primary, "LW.RATELIMIT k 0 60"));
    assert!(aborts_a_watcher(&primary, "LW.RATELIMIT k 1 60"), "the call that makes the key");
}

/// The messages that `reader` got until now. They are sent before the answer to what is asked after the fact.
fn pushed(reader: &mut Client) -> Vec<Value> {
    reader.send(&["ECHO", "that is all"]);
    let until_echo =
        std::iter::from_fn(|| Some(reader.read()).filter(|value| matches!(value, Value::Push(_))));
    until_echo.collect()
}

#[test]
fn a_client_side_cache_is_invalidated_by_admitted_calls_only() {
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
fn reading_commands_do_not_change_what_a_key_is_worth() {
    let server = Server::start();
    let mut client = server.client();
    // The second call finds an expired entry in the short window and notes so for the next one: not a change.
    client.ratelimit("k 5 1ms 5 1h");
    let dump = client.run("DUMP k");
    let made = client.time_ms();
    crate::support::wait_until("the short window is over", || client.time_ms() > made + 1);
    assert!(!client.peek("k 5 1ms 5 1h").limited);
    assert!(client.ratelimit("k 5 1ms 1 1h").limited);
    assert_eq!(client.run("DUMP k"), dump);
}
