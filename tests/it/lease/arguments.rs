//! Hostile arguments.

use super::Acquired;
use crate::hostile::{malformed_call, refused};
use crate::support::{Random, Server, Value};

const ACQUIRE: (&str, &str) = ("LW.ACQUIRE", "LW.ACQUIRE key limit ttl [ID id] [COST n] [ONCLOSE]");
const RENEW: (&str, &str) = ("LW.RENEW", "LW.RENEW key id ttl");
const RELEASE: (&str, &str) = ("LW.RELEASE", "LW.RELEASE key id");

fn server() -> Server {
    let server = Server::start();
    server.client().acquired("held 5 1h ID a");
    server
}

#[test]
fn malformed_calls_are_refused_with_the_syntax_and_change_nothing() {
    let server = server();
    let mut client = server.client();
    let long = [b'x'; 65];
    let huge = vec![b'9'; 1 << 20];
    let acquire: &[(&[&[u8]], &str)] = &[
        (&[b"-1", b"60"], "limit '-1' is not an integer from 0 to 9007199254740991"),
        (&[b"9007199254740992", b"60"], "limit '9007199254740992' is not"),
        (&[b"1\0", b"60"], r"limit '1\x00' is not"),
        (&[&huge, b"60"], "limit '999"),
        (&[b"5", b"0"], "ttl '0' is out of range"),
        (&[b"5", b"3651d"], "ttl '3651d' is out of range"),
        (&[b"5", b"nan"], "ttl 'nan' is not a duration"),
        (&[b"5", b"\xff"], r"ttl '\xff' is not a duration"),
        (&[b"5", b"60", b"ID"], "ID has no value"),
        (&[b"5", b"60", b"ID", b""], "is not 1 to 64 bytes long"),
        (&[b"5", b"60", b"ID", &long], "is not 1 to 64 bytes long"),
        (&[b"5", b"60", b"ID", &huge], "is not 1 to 64 bytes long"),
        (&[b"5", b"60", b"COST", b"0"], "cost '0' is not an integer from 1 to 4294967295"),
        (&[b"5", b"60", b"COST", b"4294967296"], "is not an integer from 1"),
        (&[b"5", b"60", b"COST", b"1", b"COST", b"1"], "COST is given twice"),
        (&[b"5", b"60", b"ONCLOSE", b"onclose"], "ONCLOSE is given twice"),
        (&[b"5", b"60", b"ONCLOSED"], "did you mean ONCLOSE?"),
        (&[b"5", b"60", b"70"], "unknown option '70'"),
        (&[b"5", b"60", b"ID", b"a", b"COST", b"2"], "the lease with this ID has the COST 1"),
    ];
    for (args, what) in acquire {
        malformed_call(&mut client, ACQUIRE, args, what);
    }
    malformed_call(&mut client, RENEW, &[b"", b"60"], "is not 1 to 64 bytes long");
    malformed_call(&mut client, RENEW, &[&long, b"60"], "is not 1 to 64 bytes long");
    malformed_call(&mut client, RENEW, &[b"a", b"-1"], "ttl '-1' is not a duration");
    malformed_call(&mut client, RENEW, &[b"a", b"4000d"], "ttl '4000d' is out of range");
    malformed_call(&mut client, RELEASE, &[b""], "is not 1 to 64 bytes long");
    malformed_call(&mut client, RELEASE, &[&huge], "is not 1 to 64 bytes long");
    for line in
        ["LW.ACQUIRE held", "LW.ACQUIRE held 5", "LW.RENEW held a", "LW.RENEW held a 1 1", "LW.RELEASE held"]
    {
        let message = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert!(message.contains("wrong number of arguments"), "{message}");
    }
    assert_eq!(client.lease_info("acquired_total"), 1, "a refused call is not counted");
}

#[test]
fn keys_and_ids_are_any_bytes() {
    let server = server();
    let mut client = server.client();
    for key in [&b""[..], b"\0", b"\xff\xfe", b"a\r\nb", &[b'k'; 100_000]] {
        for id in [&b"\0"[..], b"\xff", b"ONCLOSE", b"a\r\nb", &[0; 64], b"$-1\r\n"] {
            let answer = client.call(&[&b"LW.ACQUIRE"[..], key, b"9", b"1h", b"ID", id, b"ONCLOSE"]);
            let lease = Acquired::of(&answer);
            assert_eq!((lease.acquired, &lease.id[..]), (1, id));
            assert_eq!(client.call(&[&b"LW.RENEW"[..], key, id, b"2h"]).int(), 1);
        }
        assert_eq!(client.call(&[&b"LW.RELEASE"[..], key, b"\0"]).int(), 1);
        assert_eq!(client.call(&[&b"LW.RELEASE"[..], key, b"\0\0"]).int(), 0);
    }
    for args in [
        "k 0 60",
        "k 9007199254740991 1ms COST 4294967295",
        "k 9007199254740991 3650d",
        "k 5 0.0015 cost 1 id x",
    ] {
        assert!(!client.run(&format!("LW.ACQUIRE {args}")).is_error(), "{args}");
    }
}

#[test]
fn keys_of_other_types_are_refused() {
    let server = server();
    let mut client = server.client();
    client.run("SET text x");
    client.ratelimit("limited 5 60");
    for key in ["text", "limited"] {
        for call in
            ["LW.ACQUIRE KEY 5 60", "LW.ACQUIRE KEY 5 60 ONCLOSE", "LW.RENEW KEY a 60", "LW.RELEASE KEY a"]
        {
            let call = call.replace("KEY", key);
            let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
            assert!(message.starts_with("WRONGTYPE "), "{message}");
        }
    }
    assert!(client.run("LW.RATELIMIT held 5 60").error().starts_with("WRONGTYPE "));
    assert!(client.run("LW.BURST held 5 60").error().starts_with("WRONGTYPE "));
    assert!(client.run("APPEND held x").error().starts_with("WRONGTYPE "));
    assert_eq!(client.lease_info("onclose_leases"), 0);
}

#[test]
fn random_calls_get_a_reply_or_an_error_and_never_crash_the_server() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET text x");
    let mut random = Random::new();
    let keys: &[&[u8]] = &[b"a", b"a", b"b", b"\0", b"", b"text"];
    let ids: &[&[u8]] = &[b"1", b"2", b"3", b"\xff", b"onclose", b"", &[7; 65]];
    let words: &[&[u8]] = &[
        b"0",
        b"1",
        b"2",
        b"5",
        b"1000",
        b"-1",
        b"1ms",
        b"20ms",
        b"1h",
        b"3650d",
        b"nan",
        b"ID",
        b"COST",
        b"ONCLOSE",
        b"9007199254740991",
        b"18446744073709551616",
        b"\0",
        b"\xff",
    ];
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..100 {
        let call = |_| -> Vec<&[u8]> {
            let key = *random.pick(keys);
            let mut call: Vec<&[u8]> = match random.below(6) {
                0 => vec![b"LW.RENEW", key, *random.pick(ids), *random.pick(&words[6..10])],
                1 => vec![b"LW.RELEASE", key, *random.pick(ids)],
                2 => vec![b"RENAME", key, *random.pick(keys)],
                _ => vec![b"LW.ACQUIRE", key, *random.pick(&words[..6]), *random.pick(&words[6..11])],
            };
            if call[0] == b"LW.ACQUIRE" {
                for _ in 0..random.below(4) {
                    match random.below(4) {
                        0 => call.extend([&b"ID"[..], *random.pick(ids)]),
                        1 => call.extend([&b"COST"[..], *random.pick(words)]),
                        2 => call.push(b"ONCLOSE"),
                        _ => call.push(*random.pick(words)),
                    }
                }
            }
            call
        };
        let calls: Vec<_> = (0..200).map(call).collect();
        for (call, answer) in calls.iter().zip(client.pipeline(&calls)) {
            match &answer {
                Value::Array(_) => {
                    Acquired::of(&answer);
                    answered += 1;
                }
                Value::Int(0 | 1) | Value::Simple(_) => answered += 1,
                Value::Error(message) => {
                    let coded = message.starts_with("ERR ") || message.starts_with("WRONGTYPE ");
                    assert!(coded && !message.contains("internal error"), "{message:?} to {call:?}");
                    refused += 1;
                }
                other => panic!("{other:?} to {call:?}"),
            }
        }
    }
    assert!(answered > 5000 && refused > 2000, "{answered} answered, {refused} refused");
    client.run("DEL a b text");
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
}
