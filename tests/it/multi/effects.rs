//! Replication, persistence, WATCH: a call makes one change for all of its keys, or none.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::support::state::State;
use crate::support::{Builder, Client, MultiReply, Server, Value, beside, wait_until};

const AMPLE: i64 = (1 << 53) - 1;

fn with_aof() -> Builder {
    Server::builder().config("appendonly yes").config("appendfsync always").config("aof-use-rdb-preamble no")
}

/// Starts a primary with a full key `k` (3 in 60 s) and a replica.
fn primary_with_a_full_key() -> (Server, Server) {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.client().mratelimit("k 3 60 3 half 4 60 2");
    primary.wait_for_replica(&replica);
    (replica, primary)
}

const UNCHANGING: [&str; 7] = [
    "LW.MRATELIMIT k 3 60 1",
    "LW.MRATELIMIT half 4 60 1 k 3 60 1 fresh 5 60 1",
    "LW.MRATELIMIT half 4 60 0 fresh 5 60 0",
    "LW.MRATELIMIT half 4 60 3 fresh 5 60 1",
    "LW.MRATELIMIT fresh 0 60 1 half 4 60 1 other 1 1ms 1",
    "LW.MPEEK half 4 60 1 fresh 5 60 1",
    "LW.MPEEK k 3 60 1 half 4 60 0",
];

#[test]
fn denied_calls_calls_of_cost_0_and_peeks_write_nothing() {
    let (_replica, primary) = primary_with_a_full_key();
    let mut client = primary.client();
    let dumps = |client: &mut Client| ["DUMP k", "DUMP half", "PEXPIRETIME k"].map(|line| client.run(line));
    let before = (client.footprint(), dumps(&mut client));
    for line in UNCHANGING {
        assert!(!client.run(line).is_error(), "{line}");
        assert_eq!((client.footprint(), dumps(&mut client)), before, "{line}");
    }
}

#[test]
fn an_admitted_call_replicates_one_effect_for_all_of_its_keys() {
    let (replica, primary) = primary_with_a_full_key();
    let sub_replica = Server::builder().replica_of(&replica).start();
    replica.wait_for_replica(&sub_replica);
    let mut client = primary.client();
    let changes = |client: &mut Client| client.info("everything").number("rdb_changes_since_last_save");
    let before = changes(&mut client);
    for server in [&replica, &sub_replica] {
        server.client().run("CONFIG RESETSTAT");
    }
    client.mratelimit("half 4 60 1 new 5 60 1 asked 5 60 0 new 6 1h 1");
    assert_eq!(changes(&mut client), before + 1);
    primary.wait_for_replica(&replica);
    replica.wait_for_replica(&sub_replica);
    for copy in [&replica, &sub_replica] {
        let stats = copy.info("commandstats").fields;
        let effects: Vec<_> = stats.iter().filter(|(name, _)| name.to_lowercase().contains("lw._")).collect();
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert!(effects[0].0.eq_ignore_ascii_case("cmdstat_lw._windows"), "{effects:?}");
        assert!(effects[0].1.starts_with("calls=1,"), "{effects:?}");
        State::of(&mut client).assert_same(&State::of(&mut copy.client()));
    }
}

/// Returns whether `line`, run by another client, aborts a transaction that watches `key`.
fn aborts_a_watcher(server: &Server, key: &str, line: &str) -> bool {
    let mut watcher = server.client();
    watcher.run(&format!("WATCH {key}"));
    assert!(!server.client().run(line).is_error(), "{line}");
    watcher.multi(&["PING"]).is_none()
}

#[test]
fn every_key_that_is_charged_and_no_other_aborts_a_transaction_that_watches_it() {
    let (_replica, primary) = primary_with_a_full_key();
    for line in UNCHANGING {
        for key in ["k", "half", "fresh"] {
            assert!(!aborts_a_watcher(&primary, key, line), "{line}");
        }
    }
    let line = "LW.MRATELIMIT half 1000 60 1 new 1000 60 1 asked 5 60 0";
    for (key, changes) in [("half", true), ("new", true), ("new", true), ("asked", false), ("k", false)] {
        assert_eq!(aborts_a_watcher(&primary, key, line), changes, "{key}");
    }
}

#[test]
fn every_key_that_is_charged_is_invalidated_in_client_side_caches() {
    let (_replica, primary) = primary_with_a_full_key();
    let mut reader = primary.client();
    reader.run("HELLO 3");
    assert_eq!(reader.run("CLIENT TRACKING ON").text(), "OK");
    reader.mpeek("k 3 60 1 half 9 60 1 asked 1 60 1");
    UNCHANGING.iter().for_each(|line| assert!(!primary.client().run(line).is_error(), "{line}"));
    primary.client().mratelimit("half 9 60 1 asked 5 60 0 new 5 60 1");
    reader.send(&["ECHO", "that is all"]);
    let pushed = std::iter::from_fn(|| Some(reader.read()).filter(|value| matches!(value, Value::Push(_))));
    let keys: Vec<_> = pushed.flat_map(|push| push.items()[1].texts()).collect();
    assert_eq!(keys, ["half"]);
}

#[test]
fn a_reload_from_an_rdb_or_an_aof_keeps_every_key() {
    let mut server = with_aof().start();
    let mut client = server.client();
    for n in 0..200 {
        let (user, tenant) = (n % 7, n % 3);
        client.mratelimit(&format!(
            "user:{user} 20 1h 1 tenant:{tenant} 500 2h 3 tenant:{tenant} 90 10m 3 global 100000 1d 1"
        ));
    }
    let before = State::of(&mut client);
    for line in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
        assert_eq!(client.run(line).text(), "OK");
        before.assert_same(&State::of(&mut client));
    }
    server.stop();
    server.check_aof();
    server.start_again();
    before.assert_same(&State::of(&mut server.client()));
}

#[test]
fn an_effect_that_is_repeated_in_the_aof_changes_nothing() {
    let mut server = with_aof().start();
    let mut client = server.client();
    client.mratelimit("a 5 1m 1 b 5 1m 2");
    client.mratelimit("b 5 1h 1 c 9 1h 1");
    client.mratelimit("a 5 1h 1 c 9 2h 1 b 5 1h 0");
    let before = State::of(&mut client);
    server.stop();
    let file = server.aof_file(".incr.aof");
    let aof = std::fs::read(&file).expect("it can be read");
    let name = b"$11\r\nLW._WINDOWS\r\n";
    let first = aof.windows(name.len()).position(|part| part == name).expect("an effect");
    // From the line with the number of words in front of the first effect to the end.
    let start = aof[..first].iter().rposition(|byte| *byte == b'*').expect("a number of words");
    std::fs::write(&file, [&aof[..], &aof[start..]].concat()).expect("it can be written");
    server.start_again();
    before.assert_same(&State::of(&mut server.client()));
}

#[test]
fn a_kill_loses_no_answered_call_and_never_records_a_part_of_one() {
    let mut server = with_aof().start();
    let answered = AtomicI64::new(0);
    for kill in 1..=5 {
        let (address, enough) = (server.address(), answered.load(Ordering::Relaxed) + 300);
        beside(
            4,
            |n, stop| {
                let call = format!("LW.MRATELIMIT a:{n} {AMPLE} 1h 1 b:{n} {AMPLE} 1h 1 all {AMPLE} 1d 1");
                let call: Vec<&str> = call.split(' ').collect();
                let Ok(mut client) = Client::connect(address) else { return };
                while !stop.is_set() {
                    let Ok(answer) = client.try_call(&call) else { return };
                    assert!(!MultiReply::of(&answer).limited);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            },
            || {
                wait_until("some calls were answered", || answered.load(Ordering::Relaxed) >= enough);
                server.kill();
            },
        );
        server.start_again();
        let mut client = server.client();
        let mut used = |key: &str| AMPLE - client.peek(&format!("{key} {AMPLE} 1h COST 0")).remaining;
        let of_clients: Vec<i64> = (0..4).map(|n| used(&format!("a:{n}"))).collect();
        let again: Vec<i64> = (0..4).map(|n| used(&format!("b:{n}"))).collect();
        assert_eq!(of_clients, again);
        let all = used("all");
        assert_eq!(of_clients.iter().sum::<i64>(), all);
        let answered = answered.load(Ordering::Relaxed);
        assert!((answered..=answered + 4 * kill).contains(&all), "{all} recorded, {answered} answered");
    }
}
