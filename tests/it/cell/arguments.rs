//! Arguments that are missing, too many, out of range or not numbers, and keys of every kind.

use super::{SYNTAX, builder, throttle};
use crate::hostile::{malformed_call, refused};
use crate::support::{Client, Random, Server, Value};

fn server_with_a_key() -> (Server, Client) {
    let server = builder().start();
    let mut client = server.client();
    throttle(&mut client, "held 4 1 3600 2");
    (server, client)
}

#[track_caller]
fn malformed(client: &mut Client, args: &[&[u8]], what: &str) {
    malformed_call(client, ("CL.THROTTLE", SYNTAX), args, what);
}

#[test]
fn too_few_and_too_many_arguments_are_refused() {
    let (_server, mut client) = server_with_a_key();
    for line in ["CL.THROTTLE", "CL.THROTTLE held", "CL.THROTTLE held 1", "CL.THROTTLE held 1 1"] {
        let message = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert!(message.contains("wrong number of arguments"), "{message:?}");
    }
    malformed(&mut client, &[b"1", b"1", b"1", b"1", b"1"], "too many arguments");
    let many = vec![&b"1"[..]; 5000];
    malformed(&mut client, &many, "too many arguments");
}

#[test]
fn a_number_out_of_range_is_refused() {
    let (_server, mut client) = server_with_a_key();
    for bad in ["-1", "2147483649", "9223372036854775807", "9223372036854775808"] {
        let what = format!("max_burst '{bad}' is not an integer from 0 to 2147483648");
        malformed(&mut client, &[bad.as_bytes(), b"1", b"1"], &what);
    }
    for bad in ["0", "-1", "9223372036854775808", "-9223372036854775808"] {
        let range = "is not an integer from 1 to 9223372036854775807";
        malformed(&mut client, &[b"1", bad.as_bytes(), b"1"], &format!("count '{bad}' {range}"));
        malformed(&mut client, &[b"1", b"1", bad.as_bytes()], &format!("period '{bad}' {range}"));
    }
    for bad in ["-2147483649", "2147483649", "-9223372036854775808"] {
        let what = format!("quantity '{bad}' is not an integer from -2147483648 to 2147483648");
        malformed(&mut client, &[b"1", b"1", b"1", bad.as_bytes()], &what);
    }
}

#[test]
fn what_is_no_number_is_refused() {
    let (_server, mut client) = server_with_a_key();
    for bad in ["", " ", "1 ", " 1", "1.0", "1e3", "0x10", "nan", "ten", "1_000", "--1", "+-1", "1\u{661}"] {
        malformed(&mut client, &[bad.as_bytes(), b"1", b"1"], "is not an integer");
        malformed(&mut client, &[b"1", bad.as_bytes(), b"1"], "is not an integer");
        malformed(&mut client, &[b"1", b"1", bad.as_bytes()], "is not an integer");
        malformed(&mut client, &[b"1", b"1", b"1", bad.as_bytes()], "is not an integer");
    }
    malformed(&mut client, &[b"1\0", b"1", b"1"], r"max_burst '1\x00' is not");
    malformed(&mut client, &[b"1", b"1\r\n2", b"1"], r"count '1\x0d\x0a2' is not");
    malformed(&mut client, &[b"1", b"1", b"\xff\xfe"], r"period '\xff\xfe' is not");
    malformed(&mut client, &[b"1", b"1", b"1", &[b'9'; 1 << 20]], "quantity '999");
}

#[test]
fn an_interval_below_a_nanosecond_and_times_that_overflow_are_refused() {
    let (_server, mut client) = server_with_a_key();
    malformed(&mut client, &[b"1", b"1000000001", b"1"], "more than one unit in a nanosecond");
    assert_eq!(client.run("CL.THROTTLE fast 0 1000000000 1").ints()[..2], [0, 1]);
    for args in [
        ["0", "1", "9223372036854775807", "1"],
        ["2147483648", "1", "3600", "1"],
        ["9", "1", "3600", "2147483648"],
    ] {
        malformed(&mut client, &args.map(str::as_bytes), "longer than 2^63 nanoseconds");
    }
}

#[test]
fn numbers_are_read_as_redis_cell_reads_them() {
    let (_server, mut client) = server_with_a_key();
    assert_eq!(throttle(&mut client, "k +4 060 +0060 -0"), [0, 5, 5, -1, 0]);
    assert_eq!(
        throttle(&mut client, "k 2147483648 9223372036854775807 9223372036854775807")[..2],
        [0, (1 << 31) + 1]
    );
}

#[test]
fn keys_are_any_bytes() {
    let (_server, mut client) = server_with_a_key();
    for name in [&b""[..], b"\0", b"\xff\xfe", b"a\r\nb", b"\xf0\x9f\x94\x91", &[b'k'; 1 << 16]] {
        for remaining in [1, 0] {
            let answer = client.call(&[b"CL.THROTTLE", name, b"1", b"1", b"60"]);
            assert_eq!(answer.ints()[..3], [0, 2, remaining]);
        }
    }
}

#[test]
fn a_key_that_holds_something_else_is_refused_and_stays() {
    let (_server, mut client) = server_with_a_key();
    let makes = [
        "RPUSH k a",
        "HSET k a b",
        "SADD k a",
        "ZADD k 1 a",
        "XADD k * a b",
        "LW.RATELIMIT k 1 60",
        "SET k text",
        "SET k -1",
        "SET k 1.5",
        "SET k 18446744073709551616",
    ];
    for make in makes {
        client.run("DEL k");
        assert!(!client.run(make).is_error());
        for quantity in ["-1", "0", "1", "9"] {
            let message = refused(&mut client, &["CL.THROTTLE", "k", "4", "1", "60", quantity]);
            assert!(message.starts_with("WRONGTYPE "), "{make}: {message:?}");
        }
    }
    client.call(&["SET", "k", ""]);
    assert!(refused(&mut client, &["CL.THROTTLE", "k", "4", "1", "60"]).starts_with("WRONGTYPE "));
    client.call(&[&b"SET"[..], b"k", b"\xff\0"]);
    assert!(refused(&mut client, &["CL.THROTTLE", "k", "4", "1", "60"]).starts_with("WRONGTYPE "));
}

#[test]
fn random_arguments_get_five_integers_or_an_error() {
    let (_server, mut client) = server_with_a_key();
    for make in
        ["SET text x", "RPUSH list x", "SET number 1764000000000000000", "SET far 18446744073709551615"]
    {
        client.run(make);
    }
    let names: [&[u8]; 8] = [b"k", b"k2", b"\xff", b"text", b"list", b"number", b"far", b""];
    let sound: [&[u8]; 9] =
        [b"0", b"1", b"2", b"60", b"1000", b"1000000000", b"2147483648", b"9223372036854775807", b"-1"];
    let nasty: [&[u8]; 9] =
        [b"", b"\0", b"-2147483649", b"+1", b"1e3", b"\xff", b"nan", b"$-1\r\n", b"9223372036854775808"];
    let mut random = Random::new();
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..50 {
        let calls: Vec<Vec<&[u8]>> = (0..200)
            .map(|_| {
                let mut call = vec![&b"CL.THROTTLE"[..], *random.pick(&names)];
                for _ in 0..3 + random.below(2) {
                    call.push(if random.one_in(20) { *random.pick(&nasty) } else { *random.pick(&sound) });
                }
                call
            })
            .collect();
        for (call, answer) in calls.iter().zip(client.pipeline(&calls)) {
            match &answer {
                Value::Array(_) => {
                    let five = answer.ints();
                    assert!(five.len() == 5 && five[1] >= 1 && five[3] >= -1, "{five:?} to {call:?}");
                    answered += 1;
                }
                Value::Error(message) => {
                    assert!(message.starts_with("ERR ") || message.starts_with("WRONGTYPE "), "{message:?}");
                    assert!(!message.contains("internal error"), "{message:?} to {call:?}");
                    refused += 1;
                }
                other => panic!("{other:?} to {call:?}"),
            }
        }
    }
    assert!(answered > 1000 && refused > 1000, "{answered} answered, {refused} refused");
    assert_eq!(client.run("GET text").text(), "x");
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
}

#[test]
fn the_effect_is_refused_from_a_client() {
    let (_server, mut client) = server_with_a_key();
    for args in
        [&["LW._CELL", "held", "1", "1"][..], &["LW._CELL", "held"], &["LW._CELL", "fresh", "x", "-1"]]
    {
        assert!(refused(&mut client, args).starts_with("ERR "));
    }
    let script = "return redis.call('LW._CELL', KEYS[1], '1', '1')";
    refused(&mut client, &["EVAL", script, "1", "held"]);
}
