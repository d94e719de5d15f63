//! Hostile calls of LW.ALERT, LW.ALERTS and LW._ALERTS get a clear error, leave the server running
//! and write nothing.

use super::server_for;
use crate::hostile::refused;
use crate::support::payload::Payload;
use crate::support::receiver::Receiver;
use crate::support::{Client, Random, Server, Value};

const ALERT: &str = "LW.ALERT type json [DEDUP text COOLDOWN duration]";

#[track_caller]
fn malformed(client: &mut Client, args: &[&[u8]], what: &str) {
    let message = refused(client, args);
    assert!(message.starts_with("ERR "), "{message:?}");
    assert!(message.contains(what), "{message:?} does not contain {what:?}");
    assert!(message.contains("LW.ALERT"), "{message:?} does not show the syntax");
}

#[test]
fn too_few_arguments_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    for args in [&["LW.ALERT"][..], &["LW.ALERT", "t"], &["LW.ALERTS"]] {
        let message = refused(&mut client, args);
        assert!(message.contains("wrong number of arguments"), "{message:?}");
    }
}

#[test]
fn a_type_is_1_to_64_letters_digits_dots_dashes_and_underscores() {
    let server = Server::start();
    let mut client = server.client();
    for bad in [
        &b""[..],
        b" ",
        b"a b",
        b"a/b",
        b"a\0",
        b"a\r\nx-evil: 1",
        b"\xff",
        "ä".as_bytes(),
        b"a\"",
        b"a:b",
        &[b'x'; 65],
        &[b'x'; 1 << 20],
    ] {
        malformed(&mut client, &[b"LW.ALERT", bad, b"1"], "type '");
    }
    for good in ["a", "Z", "0", ".", "_", "-", "..", "a.b_c-D9", &"x".repeat(64)] {
        client.alert(good, "1");
    }
}

#[test]
fn types_of_the_modules_own_alerts_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    for own in ["burst", "Burst", "audit.lag", "token.reuse", "token.forgery", "lockwatch.test", "a.summary"]
    {
        let dedup = [&b"LW.ALERT"[..], own.as_bytes(), b"1", b"DEDUP", b"", b"COOLDOWN", b"30d"];
        malformed(&mut client, &dedup, "is the module's own");
    }
    assert_eq!(client.alert_info("raised_total"), 0);
    for similar in ["bursts", "audit", "tokens.reuse", "summary"] {
        client.alert(similar, "1");
    }
}

#[test]
fn incomplete_repeated_and_misspelt_options_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let mut check = |options: &[&[u8]], what: &str| {
        malformed(&mut client, &[&[&b"LW.ALERT"[..], b"t", b"1"], options].concat(), what);
    };
    check(&[b"DEDUP"], "DEDUP");
    check(&[b"DEDUP", b"x"], "COOLDOWN");
    check(&[b"COOLDOWN", b"60"], "DEDUP");
    check(&[b"COOLDOWN"], "COOLDOWN");
    check(&[b"DEDUP", b"x", b"COOLDOWN"], "COOLDOWN");
    check(&[b"DEDUP", b"x", b"DEDUP", b"y", b"COOLDOWN", b"60"], "DEDUP");
    check(&[b"DEDUP", b"x", b"COOLDOWN", b"60", b"COOLDOWN", b"60"], "COOLDOWN");
    check(&[b"DEDUB", b"x", b"COOLDOWN", b"60"], "did you mean DEDUP?");
    check(&[b"DEDUP", b"x", b"COLDOWN", b"60"], "did you mean COOLDOWN?");
    check(&[b"nonsense"], "'nonsense'");
    check(&[b"\0"], r"'\x00'");
    check(&[&[b'D'; 1 << 20]], "'DDD");
    for bad in ["", "0", "-1", "x", "0.0001", "11000d", "30.1d", "31d", "1e3", "60 ", "99999999999999999999"]
    {
        check(&[b"DEDUP", b"x", b"COOLDOWN", bad.as_bytes()], "COOLDOWN");
    }
}

#[test]
fn unknown_subcommands_and_malformed_arguments_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    for args in [
        &["NONSENSE"][..],
        &[""],
        &["LISTS"],
        &["LIST", "COUNT"],
        &["LIST", "COUNT", "x"],
        &["LIST", "COUNT", "-1"],
        &["LIST", "COUNT", "0"],
        &["LIST", "COUNT", "99999999999999999999"],
        &["LIST", "CONT", "1"],
        &["LIST", "1"],
        &["LIST", "COUNT", "1", "COUNT", "1"],
        &["LIST", "BEFORE"],
        &["LIST", "BEFORE", "x"],
        &["DEAD", "BEFORE", "1-2-3"],
        &["DEAD", "COUNT"],
        &["DEAD", "x"],
        &["REPLAY"],
        &["REPLAY", ""],
        &["REPLAY", "nonsense"],
        &["REPLAY", "1-2-3"],
        &["REPLAY", "1764000000000-00f3a5b6c7d8e9f0-01"],
        &["REPLAY", "ALL", "ALL"],
        &["DISCARD"],
        &["DISCARD", "x\0"],
        &["DISCARD", "ALL", "x"],
        &["TEST", "x"],
    ] {
        let message = refused(&mut client, &[&["LW.ALERTS"], args].concat());
        assert!(message.starts_with("ERR "), "{args:?}: {message:?}");
    }
    for valid in ["REPLAY 1764000000000-00f3a5b6c7d8e9f0-1", "DISCARD 1764000000000-00f3a5b6c7d8e9f0-1"] {
        assert_eq!(client.run(&format!("LW.ALERTS {valid}")).int(), 0);
    }
}

#[test]
fn an_error_shows_the_syntax() {
    let server = Server::start();
    let message = refused(&mut server.client(), &["LW.ALERT", "t", "nonsense"]);
    assert!(message.contains(ALERT.split('[').next().unwrap()), "{message:?}");
}

#[test]
fn a_client_cannot_call_the_internal_command() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let long = vec![0xff; 1 << 20];
    for payload in [&b""[..], b"\0", b"\x01", b"\x01\x01\x01", b"ALL", &long] {
        let message = refused(&mut client, &[&b"LW._ALERTS"[..], payload]);
        let hidden = message.contains("unknown command");
        assert!(message.starts_with("ERR ") && (hidden || message.contains("internal")), "{message:?}");
        let script = b"return redis.call('LW._ALERTS', ARGV[1])";
        refused(&mut client, &[b"EVAL", &script[..], b"0", payload]);
    }
    let before = client.footprint();
    client.run("MULTI");
    client.run("LW._ALERTS x");
    let exec = client.run("EXEC");
    assert!(exec.is_error() || exec.items()[0].is_error(), "{exec:?}");
    assert_eq!(client.footprint(), before);
    for args in [&["LW._ALERTS"][..], &["LW._ALERTS", "a", "b"], &["LW._ALERTS", "a", "b", "c"]] {
        assert!(refused(&mut client, args).starts_with("ERR "));
    }
}

#[test]
fn random_calls_are_answered_without_an_internal_error() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let mut random = Random::new();
    let words: &[&[u8]] = &[
        b"LIST",
        b"DEAD",
        b"REPLAY",
        b"DISCARD",
        b"COUNT",
        b"ALL",
        b"DEDUP",
        b"COOLDOWN",
        b"1",
        b"0",
        b"-1",
        b"t",
        b"{}",
        b"[1]",
        b"\"x\"",
        b"60",
        b"1h",
        b"",
        b"\0",
        b"\xff",
        b"a b",
        b"999999999999999999999",
        b"1764000000000-00f3a5b6c7d8e9f0-1",
        b"nonsense",
    ];
    let rounds = if std::env::var_os("LOCKWATCH_SOAK").is_some() { 200_000 } else { 10_000 };
    for _ in 0..rounds {
        let command = *random.pick(&[&b"LW.ALERT"[..], b"LW.ALERTS", b"LW._ALERTS"]);
        let mut call = vec![command];
        (0..random.below(8)).for_each(|_| call.push(*random.pick(words)));
        let answer = client.call(&call);
        if let Value::Error(message) = &answer {
            assert!(!message.contains("internal error"), "{call:?}: {message}");
        }
    }
    assert_eq!(client.run("PING").text(), "PONG");
}

#[test]
fn restore_refuses_payloads_of_the_alert_and_audit_state_types() {
    let server = Server::builder().config("rdbcompression no").start();
    let mut client = server.client();
    client.run("LW.RATELIMIT k 1 60");
    let Value::Bulk(dump) = client.run("DUMP k") else { panic!("no dump") };
    let payload = Payload::new(&dump);
    // A module type id has nine characters of six bits each, then ten bits of encoding version.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = |byte: u8| alphabet.iter().position(|letter| *letter == byte).unwrap() as u64;
    let id = |name: &[u8]| name.iter().fold(0, |id, byte| id << 6 | index(*byte)) << 10 | 1;
    let rest = &payload.body()[9..];
    for (name, accepted) in [(b"lw-window", true), (b"lw-alerts", false), (b"lw-audits", false)] {
        let body = [&[0x81], &id(name).to_be_bytes()[..], rest].concat();
        let answer = client.call(&[b"RESTORE", &b"copy"[..], b"0", &payload.with_body(&body)]);
        assert_eq!(answer.is_error(), !accepted, "{answer:?}");
        client.run("DEL copy");
    }
}
