//! Hostile arguments.

use super::{Verdict, server};
use crate::hostile::{malformed_call, refused};
use crate::support::{Client, Random, Server, Value};

const BAN: (&str, &str) =
    ("LW.BAN", "LW.BAN key IP ip|cidr | USER user | KEY k FOR d [REASON text] [BY text]");

/// The fixture of [`malformed_call`] is the key `held`, for which a file has rules.
fn with_rules() -> Server {
    let server = server();
    let path = server.dir().join("rules");
    std::fs::write(
        &path,
        "* any user failure each challenge 1h enforce\nheld ip ip failure each ban 1h enforce\n",
    )
    .unwrap();
    server.client().set("guard-rules-file", path.to_str().unwrap());
    server.client().run("LW.BAN held IP 203.0.113.7 FOR 1h");
    server
}

#[test]
fn durations_that_are_negative_huge_or_no_numbers_are_refused() {
    let server = with_rules();
    let mut client = server.client();
    let nines = vec![b'9'; 1 << 20];
    for (duration, why) in [
        (&b"-1"[..], "'-1' is not a duration"),
        (b"0", "'0' is out of range"),
        (b"3651d", "'3651d' is out of range"),
        (b"18446744073709551616", "is out of range"),
        (b"nan", "'nan' is not a duration"),
        (b"1e9", "'1e9' is not a duration"),
        (b"1\0", r"'1\x00' is not a duration"),
        (b"\xff", r"'\xff' is not a duration"),
        (b"", "'' is not a duration"),
        (&nines, "is out of range"),
    ] {
        malformed_call(&mut client, BAN, &[b"IP", b"203.0.113.9", b"FOR", duration], why);
    }
    malformed_call(&mut client, BAN, &[b"FOR", b"1h", b"BY", b"x"], "");
    assert!(!client.run("LW.BAN held IP 203.0.113.9 FOR 3650d").is_error());
    assert!(!client.run("LW.BAN held IP 203.0.113.9 FOR 1ms").is_error());
}

#[test]
fn users_devices_values_and_keys_are_any_bytes() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let long = vec![0; 1 << 20];
    for name in [&b"\0"[..], b"\xff\xfe", b"a\r\nb", b"IP", b"$-1\r\n", "\u{1f511}".as_bytes(), &long] {
        for key in [&b"login:\0\xff\r\n"[..], b"login"] {
            let call = [b"LW.ATTEMPT", key, b"IP", b"203.0.113.7", b"USER", name, b"DEVICE", name];
            for _ in 0..5 {
                assert_eq!(Verdict::of(&client.call(&call)).verdict, 0);
            }
            assert_eq!(
                Verdict::of(&client.call(&call)).verdict,
                1,
                "{}",
                name[..name.len().min(20)].escape_ascii()
            );
            let ban = [b"LW.BAN", key, b"KEY", name, b"FOR", b"1h", b"REASON", name, b"BY", name];
            assert!(client.call(&ban).int() > 0);
            assert_eq!(Verdict::of(&client.call(&[b"LW.CHECK", key, b"KEY", name])).verdict, 2);
            assert!(!client.call(&[b"LW.EVENT", key, b"mfa", b"USER", name, b"VALUE", name]).is_error());
            assert!(client.call(&[b"LW.WHY", key, b"USER", name]).items().len() == 22);
        }
    }
    for ban in client.run("LW.BANS login").items() {
        let reason = ban.field("reason").text();
        assert!(reason.len() <= 260 && reason.bytes().all(|byte| byte >= b' '), "{reason:?}");
    }
    for (kind, data) in client.audit_kinds() {
        let size = data.to_string().len();
        assert!(size < 4096, "{kind} has {size} bytes of data");
    }
    let size = client.run("MEMORY USAGE login").int();
    assert!(size < 100_000, "{size} bytes");
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
}

#[test]
fn a_long_key_is_named_in_part() {
    let server = server();
    let mut client = server.client();
    let key = [b"login:".to_vec(), vec![b'\xff'; 1 << 20]].concat();
    let ban: [&[u8]; 6] = [b"LW.BAN", &key, b"IP", b"203.0.113.7", b"FOR", b"1h"];
    assert!(client.call(&ban).int() > 0);
    let shown = client.audit_kinds()[0].1["key"].as_str().unwrap().to_owned();
    assert!(shown.starts_with(r"login:\xff") && shown.len() <= 1100, "{} bytes", shown.len());
}

#[test]
fn thousands_of_options_are_refused() {
    let server = with_rules();
    let mut client = server.client();
    for command in [
        "LW.ATTEMPT",
        "LW.EVENT",
        "LW.CHECK",
        "LW.BAN",
        "LW.ALLOW",
        "LW.LIFT",
        "LW.BANS",
        "LW.WHY",
        "LW.RULES",
    ] {
        for words in
            [&["SOLVED"][..], &["IP", "::1"], &["USER", "u"], &["x", "y", "z"], &["ALL"], &["COUNT", "1"]]
        {
            let mut call = vec![command, "held"];
            call.extend(words.iter().cycle().take(5000));
            let error = refused(&mut client, &call);
            assert!(error.starts_with("ERR "), "{error}");
        }
    }
}

const COMMANDS: &[&[u8]] = &[
    b"LW.ATTEMPT",
    b"LW.EVENT",
    b"LW.EVENT",
    b"LW.CHECK",
    b"LW.BAN",
    b"LW.ALLOW",
    b"LW.LIFT",
    b"LW.BANS",
    b"LW.WHY",
];
const KEYS: &[&[u8]] = &[
    b"login",
    b"login",
    b"login",
    b"login",
    b"login",
    b"login",
    b"login:{a}",
    b"http",
    b"*",
    b"",
    b"\0",
    b"text",
    b"login:text",
];
const WORDS: &[&[u8]] = &[
    b"IP",
    b"USER",
    b"KEY",
    b"DEVICE",
    b"VALUE",
    b"FOR",
    b"REASON",
    b"BY",
    b"HASH",
    b"ALL",
    b"FORGET",
    b"ALLOWED",
    b"OBSERVED",
    b"COUNT",
    b"AFTER",
    b"SOLVED",
    b"solved",
    b"failure",
    b"success",
    b"reset",
    b"404",
    b"open",
    b"SOLVE",
];
const VALUES: &[&[u8]] = &[
    b"203.0.113.7",
    b"::1",
    b"2001:db8::/32",
    b"0.0.0.0/0",
    b"::ffff:1.2.3.4",
    b"1.2.3.4/33",
    b"u",
    b"\0",
    b"\xff",
    b"",
    b"1h",
    b"-1",
    b"0",
    b"3650d",
    b"9999999999999999999999",
    b"0123456789abcdef",
    b"0100",
    b"%s%n",
    b"'",
    b"*1\r\n",
];

/// A random call: half of it as the command takes it, the rest words.
fn call(random: &mut Random) -> Vec<Vec<u8>> {
    let command = *random.pick(COMMANDS);
    let mut args = vec![command, *random.pick(KEYS)];
    if command == b"LW.EVENT" {
        args.push(*random.pick(&[&b"failure"[..], b"mfa", b"success", b"404", b"reset", b"\0"]));
    }
    for option in [&b"IP"[..], b"USER", b"FOR"] {
        if random.one_in(2) {
            let good: &[&[u8]] = match option {
                b"IP" => &[b"203.0.113.7", b"::1", b"10.0.0.0/8"],
                b"USER" => &[b"u", b"v", b"\xff"],
                _ => &[b"1h", b"0.5", b"90s"],
            };
            args.push(option);
            args.push(if random.one_in(8) { *random.pick(VALUES) } else { *random.pick(good) });
        }
    }
    for _ in 0..random.below(3) * random.below(2) {
        args.push(if random.one_in(2) { *random.pick(WORDS) } else { *random.pick(VALUES) });
    }
    args.into_iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn random_calls_get_a_reply_or_an_error_and_never_crash_the_server() {
    let server = server();
    let mut client: Client = server.client();
    client.run("SET login:text x");
    let mut random = Random::new();
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..150 {
        let calls: Vec<_> = (0..200).map(|_| call(&mut random)).collect();
        for (call, answer) in calls.iter().zip(client.pipeline(&calls)) {
            let shown = || call.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>();
            match &answer {
                Value::Array(_) if [&b"LW.ATTEMPT"[..], b"LW.EVENT", b"LW.CHECK"].contains(&&call[0][..]) => {
                    Verdict::of(&answer);
                    answered += 1;
                }
                Value::Array(_) | Value::Int(0..) => answered += 1,
                Value::Error(why) => {
                    let is_coded =
                        ["ERR ", "WRONGTYPE ", "LWNORULE "].iter().any(|code| why.starts_with(code));
                    assert!(is_coded && !why.contains(['\r', '\n', '\0']), "{why:?} to {:?}", shown());
                    assert!(!why.contains("internal error"), "{why:?} to {:?}", shown());
                    refused += 1;
                }
                other => panic!("{other:?} to {:?}", shown()),
            }
        }
    }
    assert!(answered > 1500 && refused > 3000, "{answered} answered, {refused} refused");
    assert_eq!(client.run("GET login:text").text(), "x");
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
}
