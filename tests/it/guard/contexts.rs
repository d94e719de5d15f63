//! Guards in transactions and scripts, and under the server's own commands on keys.

use super::{DAY, HOUR, Verdict, builder, server, subjects};
use crate::hostile::refused;
use crate::support::{Client, Server};

/// A guard with a ban of each kind, a challenge, and a known user.
fn prepared() -> Server {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    client.run("LW.ALLOW login IP 198.51.100.7 FOR 1h");
    (0..11).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    (0..6).for_each(|_| drop(client.attempt("IP 203.0.113.8 USER alice")));
    client.event("success IP 192.0.2.1 USER known DEVICE d");
    server
}

/// Asserts that `key` holds what [`prepared`] made.
#[track_caller]
fn assert_whole(client: &mut Client, key: &str) {
    for (subject, says) in [
        ("IP 198.51.100.1", (2, "operator")),
        ("IP 198.51.100.7", (0, "")),
        ("IP 203.0.113.7", (2, "stuffing")),
        ("IP 203.0.113.7 USER known DEVICE d", (0, "")),
        ("IP 203.0.113.8 USER alice", (1, "guess")),
    ] {
        let verdict = Verdict::of(&client.run(&format!("LW.CHECK {key} {subject}")));
        assert_eq!(verdict.says(), says, "{key} {subject}");
    }
}

#[test]
fn calls_of_one_transaction_see_each_other() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let answers = client
        .multi(&[
            "LW.BAN login IP 203.0.113.7 FOR 1h",
            "LW.CHECK login IP 203.0.113.7",
            "LW.LIFT login ALL",
            "LW.ATTEMPT login IP 203.0.113.7 USER alice",
            "LW.ATTEMPT login IP 203.0.113",
            "LW.BANS login",
        ])
        .unwrap();
    assert_eq!(Verdict::of(&answers[1]).verdict, 2);
    assert_eq!(answers[2].int(), 1);
    assert_eq!(Verdict::of(&answers[3]).verdict, 0);
    assert!(answers[4].is_error() && subjects(&answers[5]).is_empty());
}

#[test]
fn watch_sees_a_change_and_nothing_else() {
    let server = prepared();
    let (mut client, mut other) = (server.client(), server.client());
    client.run("WATCH login");
    for line in [
        "LW.ATTEMPT login IP 203.0.113.7 USER alice",
        "LW.ATTEMPT login IP 203.0.113.8 USER alice",
        "LW.CHECK login IP 203.0.113.9",
        "LW.LIFT login USER nobody",
        "LW.WHY login USER alice",
        "LW.BANS login",
    ] {
        assert!(!other.run(line).is_error(), "{line}");
    }
    assert!(client.multi(&["PING"]).is_some());
    for line in [
        "LW.ATTEMPT login IP 203.0.113.9 USER alice",
        "LW.EVENT login failure IP 203.0.113.9 USER alice",
        "LW.BAN login KEY k FOR 1h",
        "LW.LIFT login KEY k",
    ] {
        client.run("WATCH login");
        assert!(!other.run(line).is_error(), "{line}");
        assert!(client.multi(&["PING"]).is_none(), "{line}");
    }
}

#[test]
fn read_only_scripts_may_check_and_list_and_nothing_more() {
    let server = prepared();
    let mut client = server.client();
    let mut run = |line: &str| {
        let words: Vec<_> = line.split(' ').map(|word| format!("'{word}'")).collect();
        client.call(&["EVAL_RO", &format!("return redis.call({})", words.join(",")), "0"])
    };
    assert_eq!(Verdict::of(&run("LW.CHECK login IP 203.0.113.7")).verdict, 2);
    for line in ["LW.BANS login", "LW.WHY login USER alice", "LW.RULES"] {
        assert!(!run(line).is_error(), "{line}");
    }
    for line in [
        "LW.ATTEMPT login USER a",
        "LW.EVENT login failure USER a",
        "LW.BAN login USER a FOR 1h",
        "LW.LIFT login ALL",
    ] {
        assert!(run(line).error().contains("Write commands are not allowed"), "{line}");
    }
}

#[test]
fn a_guard_keeps_everything_when_it_is_copied_renamed_moved_or_restored() {
    let server = prepared();
    let mut client = server.client();
    assert_eq!(client.run("COPY login login:copy").int(), 1);
    let dump = client.dump("login");
    assert_eq!(client.dump("login:copy"), dump);
    assert_whole(&mut client, "login:copy");
    assert_eq!(client.run("RENAME login login:renamed").text(), "OK");
    assert_whole(&mut client, "login:renamed");
    assert_eq!(client.call(&[&b"RESTORE"[..], b"login:restored", b"0", &dump]).text(), "OK");
    assert_eq!(client.dump("login:restored"), dump);
    assert_whole(&mut client, "login:restored");
    assert_eq!(client.run("MOVE login:copy 1").int(), 1);
    client.run("SELECT 1");
    assert_whole(&mut client, "login:copy");
    // Copies change independently of each other.
    assert_eq!(client.run("LW.LIFT login:copy ALL").int(), 3);
    client.run("SELECT 0");
    assert_whole(&mut client, "login:renamed");
    let (usage, restored) =
        (client.run("MEMORY USAGE login:renamed").int(), client.run("MEMORY USAGE login:restored").int());
    assert!((usage - restored).abs() < usage / 4, "{usage} and {restored}");
    assert_eq!(client.guard_info("bans"), 7, "three, three, and one allow entry");
    assert_eq!(client.info("lockwatch_guard").number("lockwatch_guards"), 3);
    client.run("FLUSHALL SYNC");
    assert_eq!(client.info("lockwatch_guard").number("lockwatch_guards"), 0);
    for name in ["bans", "subjects", "known_users", "bytes"] {
        assert_eq!(client.guard_info(name), 0, "{name}");
    }
}

#[test]
fn a_restored_guard_expires_again_after_its_next_change() {
    let server = prepared();
    let mut client = server.client();
    let expires = client.run("PEXPIRETIME login").int();
    let dump = client.dump("login");
    client.call(&[&b"RESTORE"[..], b"login:restored", b"0", &dump]);
    assert_eq!(client.run("PTTL login:restored").int(), -1);
    client.run("LW.BAN login:restored KEY k FOR 365d");
    assert!(client.run("PEXPIRETIME login:restored").int() > expires + 200 * DAY);
}

#[test]
fn swapdb_and_flushdb_leave_the_other_database_alone() {
    let server = prepared();
    let mut client = server.client();
    client.run("SWAPDB 0 1");
    assert_eq!(client.check("IP 203.0.113.7").says(), (0, ""));
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    client.run("FLUSHDB");
    client.run("SELECT 1");
    assert_whole(&mut client, "login");
}

#[test]
fn keys_of_other_types_are_refused() {
    let server = builder().start();
    let mut client = server.client();
    client.freeze();
    let calls = [
        "LW.ATTEMPT login IP 203.0.113.7 USER a",
        "LW.EVENT login failure IP 203.0.113.7",
        "LW.EVENT login unheard-of USER a",
        "LW.CHECK login USER a",
        "LW.BAN login USER a FOR 1h",
        "LW.ALLOW login IP 203.0.113.7 FOR 1h",
        "LW.LIFT login ALL",
        "LW.BANS login",
        "LW.WHY login USER a",
    ];
    for make in [
        "SET login text",
        "RPUSH login a",
        "LW.RATELIMIT login 5 1h",
        "LW.ACQUIRE login 5 1h",
        "LW.BURST login 9 1h",
    ] {
        client.run("DEL login");
        assert!(!client.run(make).is_error(), "{make}");
        for call in calls {
            let error = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
            assert!(error.starts_with("WRONGTYPE "), "{make}, {call}: {error}");
        }
    }
    client.run("DEL login");
    client.run("LW.BAN login USER a FOR 1h");
    for call in [
        "GET login",
        "APPEND login x",
        "LRANGE login 0 -1",
        "LW.RATELIMIT login 5 1h",
        "LW.PEEK login 5 1h",
        "LW.BURST login 5 1h",
        "LW.ACQUIRE login 5 1h",
        "LW.RELEASE login a",
        "LW.SESSIONS login a",
    ] {
        let error = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
        assert!(error.starts_with("WRONGTYPE "), "{call}: {error}");
    }
    assert_eq!(client.check("USER a").retry_after, HOUR);
}
