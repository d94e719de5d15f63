//! Keys of another type, and key names with arbitrary bytes.

use super::{ALL, COMMANDS, refused, server_with_a_key};
use crate::support::{Burst, Reply, Server};

const OTHER_TYPES: [&str; 8] = [
    "SET other text",
    "SET other 12",
    "SETBIT other 7 1",
    "RPUSH other a b",
    "HSET other a b",
    "SADD other a b",
    "ZADD other 1 a",
    "XADD other * a b",
];

#[test]
fn a_key_of_another_type_is_refused_and_left_unchanged() {
    let server = server_with_a_key();
    let mut client = server.client();
    for make in OTHER_TYPES {
        client.run("DEL other");
        assert!(!client.run(make).is_error(), "{make}");
        for command in ALL {
            let message = refused(&mut client, &[command, "other", "10", "60"]);
            assert!(message.starts_with("WRONGTYPE "), "{message:?}");
        }
        for (command, _) in COMMANDS {
            for args in ["0 60", "10 60 20 1h COST 2"] {
                let call = format!("{command} other {args}");
                let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
                assert!(message.starts_with("WRONGTYPE "), "{message:?}");
            }
        }
    }
}

#[test]
fn argument_errors_take_precedence_over_a_wrong_key_type() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET other text");
    let message = refused(&mut client, &["LW.RATELIMIT", "other", "10", "sixty"]);
    assert!(message.starts_with("ERR window 'sixty'"), "{message:?}");
}

#[test]
fn commands_of_other_types_refuse_our_keys() {
    let server = server_with_a_key();
    let mut client = server.client();
    client.burst("counted 10 1h");
    let calls = [
        "GET held",
        "APPEND held x",
        "INCR held",
        "SETRANGE held 1 x",
        "GETBIT held 1",
        "LPUSH held x",
        "LRANGE held 0 -1",
        "HGETALL held",
        "HSET held a b",
        "SADD held x",
        "SMEMBERS held",
        "ZADD held 1 x",
        "ZRANGE held 0 -1",
        "XADD held * a b",
        "XLEN held",
        "PFADD held x",
        "PFCOUNT held",
        "GEOADD held 1 1 x",
        "BITCOUNT held",
        "SORT held",
        "LW.BURST held 10 1h",
    ];
    let of_bursts =
        calls.iter().map(|call| call.replace("LW.BURST", "LW.RATELIMIT").replace("held", "counted"));
    for call in calls.map(str::to_owned).into_iter().chain(of_bursts).chain(["LW.PEEK counted 10 1h".into()])
    {
        let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
        assert!(message.starts_with("WRONGTYPE "), "{call}: {message:?}");
    }
    assert_eq!(client.burst("counted 10 1h").count, 2);
    assert_eq!(client.peek("held 10 1h COST 0").remaining, 7);
}

#[test]
fn a_key_name_may_contain_any_bytes() {
    let server = Server::start();
    let mut client = server.client();
    let long = vec![b'k'; 1 << 20];
    let names: [&[u8]; 9] = [
        b"",
        b" ",
        b"\0",
        b"a\0b",
        b"a\0c",
        b"line\r\nbreak",
        b"\xff\xfe\x80",
        "schlüssel 🔑".as_bytes(),
        &long,
    ];
    for name in names {
        for remaining in [1, 0] {
            let reply = Reply::of(&client.call(&[b"LW.RATELIMIT", name, b"2", b"60"]));
            assert_eq!((reply.limited, reply.remaining), (false, remaining), "{}", name.escape_ascii());
        }
        assert!(Reply::of(&client.call(&[b"LW.PEEK", name, b"2", b"60"])).limited);
        let calls = [b"calls:", name].concat();
        for count in [1, 2] {
            assert_eq!(Burst::of(&client.call(&[b"LW.BURST", &calls[..], b"2", b"60"])).count, count);
        }
    }
    assert_eq!(client.run("DBSIZE").int(), 2 * names.len() as i64);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    for name in names {
        assert!(
            Reply::of(&client.call(&[b"LW.RATELIMIT", name, b"2", b"60"])).limited,
            "{}",
            name.escape_ascii()
        );
    }
}

#[test]
fn a_key_name_may_look_like_an_option_or_a_number() {
    let server = Server::start();
    let mut client = server.client();
    for name in ["COST", "100", "-1", "nan", "LW.RATELIMIT"] {
        assert_eq!(client.ratelimit(&format!("{name} 5 60 COST 2")).remaining, 3);
    }
}
