//! Malformed and hostile calls change nothing and get a clear error.

use super::super::hostile::refused;
use super::super::support::{Random, Server};
use super::{digest, fill, ok};

#[test]
fn a_malformed_call_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    let long = "x".repeat(65);
    let longer = "x".repeat(257);
    let pairs = " 1 1s".repeat(9);
    for (line, why) in [
        ("SET", "wrong number of arguments"),
        ("SET p", "wrong number of arguments"),
        ("SET p 1", "wrong number of arguments"),
        ("SET p 1 1s 2", "limit '2' has no window"),
        ("SET p -1 1s", "limit '-1' is not an integer from 0 to 9007199254740991"),
        ("SET p 9007199254740992 1s", "limit '9007199254740992' is not"),
        ("SET p abc 1s", "limit 'abc' is not an integer"),
        ("SET p 1 0", "window '0' is out of range"),
        ("SET p 1 3651d", "window '3651d' is out of range"),
        ("SET p 1 SHADOW", "window 'SHADOW' is not a duration"),
        ("SET p SHADOW FOR x", "limit and window are missing"),
        ("SET p 1 1s SHADOW SHADOW", "SHADOW is given twice"),
        ("SET p 1 1s SHADOV", "unknown option 'SHADOV', did you mean SHADOW?"),
        ("SET p 1 1s FOR", "FOR has no value"),
        ("SET p 1 1s FOR a*b", "subject 'a*b' has a * before its end"),
        ("SET p 1 1s FOR a**", "subject 'a**' has a * before its end"),
        (&format!("SET p 1 1s FOR {longer}"), "is not of 1 to 256 bytes"),
        (&format!("SET p{pairs}"), "more than 8 limit window pairs"),
        ("SET p:q 1 1s", "name 'p:q' is not 1 to 64 letters, digits, '.', '_' or '-'"),
        ("SET @p 1 1s", "name '@p' is not"),
        (&format!("SET {long} 1 1s"), "is not 1 to 64"),
        ("GET", "wrong number of arguments"),
        ("GET a b", "wrong number of arguments"),
        ("GET p*", "name 'p*' is not"),
        ("WHICH login", "wrong number of arguments"),
        ("DEL", "wrong number of arguments"),
        ("DEL login FOR", "FOR has no value"),
        ("DEL login tenant7", "unknown option 'tenant7'"),
        ("LIST x", "wrong number of arguments"),
        ("LISTS", "unknown subcommand"),
    ] {
        let words: Vec<_> = ["LW.POLICY"].into_iter().chain(line.split(' ')).collect();
        let message = refused(&mut client, &words);
        assert!(message.starts_with("ERR ") && message.contains(why), "{line}: {message:?}");
    }
    for name in [&b""[..], b"\0", b"a\0", b"\xff", b"a b", b"a\r\nb", b"{p}"] {
        for call in
            [&[&b"SET"[..], name, b"1", b"1s"][..], &[b"GET", name], &[b"WHICH", name, b"k"], &[b"DEL", name]]
        {
            let message = refused(&mut client, &[&[&b"LW.POLICY"[..]], call].concat());
            assert!(message.starts_with("ERR name '"), "{message:?}");
        }
        let message = refused(&mut client, &[b"LW.RATELIMIT", &b"k"[..], &[b"@", name].concat()]);
        assert!(message.starts_with("LWNOPOLICY "), "{message:?}");
    }
}

#[test]
fn an_unknown_policy_is_refused_with_the_nearest_name() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    for (call, why) in [
        ("LW.RATELIMIT k @logni", "LWNOPOLICY there is no policy 'logni', did you mean login?"),
        ("LW.PEEK k @Login", "LWNOPOLICY there is no policy 'Login', did you mean login?"),
        ("LW.RATELIMIT k @other COST 2", "LWNOPOLICY there is no policy 'other': set it with LW.POLICY SET"),
        ("LW.POLICY GET logins", "LWNOPOLICY there is no policy 'logins', did you mean login?"),
        ("LW.POLICY WHICH logins k", "LWNOPOLICY there is no policy 'logins', did you mean login?"),
        ("LW.POLICY SET logins 1 1s FOR k", "LWNOPOLICY there is no policy 'logins', did you mean login?"),
    ] {
        let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
        assert!(message.starts_with(why), "{call}: {message:?}");
    }
    let huge = [b"@".as_slice(), &vec![b'x'; 1 << 20]].concat();
    let message = refused(&mut client, &[b"LW.RATELIMIT", &b"k"[..], &huge]);
    assert!(message.starts_with("LWNOPOLICY there is no policy 'xxx"), "{message:?}");
}

#[test]
fn a_policy_and_pairs_do_not_mix() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    for (args, why) in [
        ("@login 5 1m", "a call has either limit window pairs or one @policy"),
        ("@login @api", "a call has either limit window pairs or one @policy"),
        ("5 1m @login", "a call has either limit window pairs or one @policy"),
        ("5 1m @login COST 1", "a call has either limit window pairs or one @policy"),
        ("5 @login", "window '@login' is not a duration"),
        ("@login COTS 1", "unknown option 'COTS', did you mean COST?"),
        ("@login COST", "COST has no value"),
        ("@login COST -1", "cost '-1' is not an integer from "),
        ("COST 1 @login", "unknown option '@login'"),
    ] {
        for command in ["LW.RATELIMIT", "LW.PEEK"] {
            let call = format!("{command} k {args}");
            let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
            assert!(message.starts_with("ERR ") && message.contains(why), "{call}: {message:?}");
            assert!(message.contains("limit window [limit window ...] | @policy"), "{message:?}");
        }
    }
    assert!(refused(&mut client, &["LW.RATELIMIT", "k", "@login", "COST", "0"]).contains("from 1 to"));
    client.run("SET text x");
    assert!(refused(&mut client, &["LW.RATELIMIT", "text", "@login"]).starts_with("WRONGTYPE "));
}

#[test]
fn the_number_of_policies_and_overrides_is_bounded() {
    let server = Server::start();
    let mut client = server.client();
    for n in 0..1000 {
        ok(&mut client, &format!("LW.POLICY SET p{n} 1 1s"));
        ok(&mut client, &format!("LW.POLICY SET p0 1 1s FOR s{n}"));
    }
    for line in ["SET more 1 1s", "SET p1 1 1s FOR s"] {
        let call = format!("LW.POLICY {line}");
        let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
        assert!(message.starts_with("LWFULL there are 1000 "), "{message:?}");
    }
    ok(&mut client, "LW.POLICY SET p7 2 1s");
    ok(&mut client, "LW.POLICY SET p0 2 1s FOR s7");
    assert_eq!(client.run("LW.POLICY DEL p0").int(), 1);
    for n in 0..16 {
        ok(&mut client, &format!("LW.POLICY SET p1 1 1s FOR {}*", "x".repeat(n)));
    }
    let call = ["LW.POLICY", "SET", "p1", "1", "1s", "FOR", "xxxxxxxxxxxxxxxx*"];
    assert!(refused(&mut client, &call).starts_with("LWFULL "));
}

#[test]
fn a_client_cannot_call_the_internal_command() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    for payload in [&b""[..], b"\0", b"\x01", b"\x02\x00", &[0xff; 5000]] {
        let message = refused(&mut client, &[&b"LW._POLICY"[..], payload]);
        let hidden = message.contains("unknown command");
        assert!(message.starts_with("ERR ") && (hidden || message.contains("internal")), "{message:?}");
        refused(&mut client, &[b"EVAL", &b"return redis.call('LW._POLICY', ARGV[1])"[..], b"0", payload]);
    }
}

#[test]
fn random_calls_are_answered_without_an_internal_error() {
    let server = Server::start();
    let mut client = server.client();
    let mut random = Random::new();
    let words: &[&[u8]] = &[
        b"SET",
        b"GET",
        b"WHICH",
        b"DEL",
        b"LIST",
        b"p",
        b"q",
        b"SHADOW",
        b"FOR",
        b"a*",
        b"*",
        b"{a}",
        b"1",
        b"0",
        b"-1",
        b"1s",
        b"1h",
        b"",
        b"\0",
        b"\xff",
        b"@p",
        b"@q",
        b"@",
        b"COST",
        b"99999999999999999999",
    ];
    for _ in 0..10_000 {
        let command = *random.pick(&[&b"LW.POLICY"[..], b"LW.POLICY", b"LW.RATELIMIT", b"LW.PEEK"]);
        let mut call = vec![command];
        if command != b"LW.POLICY" {
            call.push(*random.pick(&[&b"k"[..], b"{a}", b"{ab}x"]));
        }
        (0..random.below(9)).for_each(|_| call.push(*random.pick(words)));
        let answer = client.call(&call);
        if answer.is_error() {
            assert!(!answer.error().contains("internal error"), "{answer:?} to {call:?}");
        }
    }
    let filled = digest(&mut client);
    client.run("SAVE");
    let mut server = server;
    server.stop();
    server.start_again();
    assert_eq!(digest(&mut server.client()), filled);
}
