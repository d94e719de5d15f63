//! Random calls from a pool of hostile arguments.

use super::{COMMANDS, EFFECTS};
use crate::support::{Burst, MultiReply, Reply, Server, Value};

/// A splitmix64 generator with a fixed seed, so that every run makes the same calls.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from[self.below(from.len())]
    }
}

const KEYS: &[&[u8]] = &[
    b"",
    b"k",
    b"k2",
    b"\0",
    b"\xff",
    b"a\r\nb",
    b"{k}",
    b"text",
    b"list",
    b"hash",
    b"stream",
    b"\xf0\x9f\x94\x91",
];

/// Keys for LW.BURST. None is in [`KEYS`] as a limiter key, so a burst key keeps its type.
const CALLS: &[&[u8]] = &[b"calls", b"calls", b"calls\0", b"calls\xff", b"text", b"stream"];

const LIMITS: &[&[u8]] =
    &[b"0", b"1", b"2", b"7", b"100", b"1000000", b"4294967296", b"4503599627370496", b"9007199254740991"];

const WINDOWS: &[&[u8]] =
    &[b"1ms", b"2ms", b"0.05", b"60", b"1h", b"1D", b"3650d", b"0.0015", b"12.5s", b"0.5m", b"315360000"];

const COSTS: &[&[u8]] = &[b"1", b"1", b"2", b"7", b"100", b"65536", b"4294967295", b"0"];

const POLICIES: &[&[u8]] = &[b"@p", b"@p", b"@p", b"@shadow", b"@none", b"@", b"@@p", b"@p\0", b"@\xff"];

const NASTY: &[&[u8]] = &[
    b"",
    b" ",
    b"\0",
    b"-1",
    b"+1",
    b"01",
    b"-0",
    b"1.0",
    b"1e9",
    b"1e400",
    b"nan",
    b"inf",
    b"-inf",
    b"9007199254740992",
    b"4294967296",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"99999999999999999999999999999999999999999999",
    b"0.0000000000000000000000001",
    b"3651d",
    b"1w",
    b"ms",
    b".",
    b"..",
    b"1.",
    b".1",
    b"COST",
    b"cost",
    b"CoSt",
    b"COSTS",
    b"\xff\xfe\xfd",
    b"a\nb",
    b"%s%n%s",
    b"$-1\r\n",
    b"*1\r\n",
    b"'",
    b"\\",
    b"key",
    b"LIMIT",
    b"\xc0\x80",
];

const OPTIONS: &[&[u8]] = &[b"COOLDOWN", b"IP", b"ENDPOINT", b"METHOD", b"AGENT", b"method"];

const VALUES: &[&[u8]] =
    &[b"1ms", b"60", b"1h", b"::1", b"192.0.2.1", b"GET", b"/a\\b\0", b"\xff\xfe", b"\"", b"1"];

/// Replaced by the time of the last call with WITHTIME.
const TIME: &[u8] = b"TIME";

const WORDS: &[&[u8]] = &[b"FORCE", b"WITHTIME", b"force", b"FORCE"];

/// Other commands that change or inspect the same keys.
const OTHER_COMMANDS: &[&str] = &[
    "RENAME k k2",
    "RENAME calls calls\0",
    "COPY calls calls\0 REPLACE",
    "DEL calls",
    "PEXPIRE calls 2",
    "RENAMENX k2 k",
    "COPY k {k} REPLACE",
    "COPY {k} k2 REPLACE",
    "PEXPIRE k 3",
    "PERSIST k2",
    "EXPIRE k 99",
    "DEL k2",
    "UNLINK {k}",
    "TOUCH k",
    "DUMP k",
    "MEMORY USAGE k",
    "OBJECT FREQ k",
    "TYPE k",
    "SCAN 0",
    "RANDOMKEY",
    "LW.POLICY SET p 2 60",
    "LW.POLICY SET p 1000 1ms",
    "LW.POLICY SET p 0 1s FOR k2",
    "LW.POLICY DEL p FOR k*",
    "LW.POLICY WHICH p k",
    "LW.POLICY LIST",
    "CONFIG SET lockwatch.window-max-entries 8",
    "CONFIG SET lockwatch.window-max-entries 512",
    "CONFIG SET lockwatch.window-max-entries 16384",
    "COMMAND GETKEYS LW.PEEK k 1 1",
    "COMMAND GETKEYS LW.MPEEK k 1 1 1 k2 1 1 1 x",
    "DEBUG DIGEST-VALUE k k2",
    "LW.INSPECT k",
    "LW.INSPECT calls",
    "LW.INSPECT text",
    "LW.TOP",
    "LW.RULES",
    "LW.RULES k",
    "LW.ATTEMPT k IP ::1 USER u",
    "LW.EVENT login failure IP 203.0.113.7 USER u VALUE v",
    "LW.CHECK text IP ::1",
    "LW.BAN login USER u FOR 1s",
    "LW.LIFT login ALL",
    "LW.BANS login",
    "LW.WHY login USER u",
    "CONFIG SET lockwatch.top-keys 3",
    "CONFIG SET lockwatch.top-keys 100",
    "INFO lockwatch",
];

/// The commands of guards. Their own tests check the replies.
const GUARDS: &[&[u8]] =
    &[b"LW.ATTEMPT", b"LW.EVENT", b"LW.CHECK", b"LW.BAN", b"LW.LIFT", b"LW.BANS", b"LW.WHY"];

/// A random call. Most are well-formed except for a few hostile arguments; some consist of hostile
/// arguments only.
fn call(rng: &mut Rng) -> Vec<Vec<u8>> {
    if rng.below(10) == 0 {
        let line = OTHER_COMMANDS[rng.below(OTHER_COMMANDS.len())];
        return line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    }
    let command = match rng.below(24) {
        0 => EFFECTS[rng.below(EFFECTS.len())].0,
        1..8 => return burst(rng),
        8..11 => return several(rng),
        21.. => return correction(rng),
        roll => COMMANDS[roll % COMMANDS.len()].0,
    };
    let mut args = vec![command.as_bytes(), rng.pick(KEYS)];
    if rng.below(10) == 0 {
        (0..rng.below(24)).for_each(|_| args.push(rng.pick(NASTY)));
    } else {
        let by_policy = rng.below(5) == 0;
        if by_policy {
            args.push(rng.pick(POLICIES));
        }
        for _ in 0..if by_policy { 0 } else { 1 + rng.below(9) } {
            for sound in [LIMITS, WINDOWS] {
                args.push(if rng.below(40) == 0 { rng.pick(NASTY) } else { rng.pick(sound) });
            }
        }
        if rng.below(3) == 0 {
            args.push(b"COST");
            args.push(if rng.below(8) == 0 { rng.pick(NASTY) } else { rng.pick(COSTS) });
        }
        if command == "LW.RATELIMIT" && rng.below(4) == 0 {
            (0..=rng.below(2)).for_each(|_| args.push(rng.pick(WORDS)));
        }
    }
    args.into_iter().map(<[u8]>::to_vec).collect()
}

/// A random call of LW.REFUND or LW.SETTLE. `TIME` is replaced by the time of an earlier call.
fn correction(rng: &mut Rng) -> Vec<Vec<u8>> {
    let settles = rng.below(2) == 0;
    let mut args = vec![if settles { &b"LW.SETTLE"[..] } else { b"LW.REFUND" }, rng.pick(KEYS)];
    for _ in 0..=usize::from(settles) {
        args.push(if rng.below(10) == 0 { rng.pick(NASTY) } else { rng.pick(COSTS) });
    }
    args.push(if rng.below(20) == 0 { rng.pick(NASTY) } else { b"AT" });
    args.push(if rng.below(10) == 0 { rng.pick(NASTY) } else { TIME });
    args.into_iter().map(<[u8]>::to_vec).collect()
}

/// A random call of LW.MRATELIMIT or LW.MPEEK, mostly well-formed. A key has the same cost wherever
/// the call names it, most of the time.
fn several(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut args = vec![[&b"LW.MRATELIMIT"[..], b"LW.MPEEK"][rng.below(2)]];
    let cost = rng.pick(COSTS);
    let most = if rng.below(8) == 0 { 20 } else { 4 };
    for _ in 0..1 + rng.below(most) {
        args.push(rng.pick(KEYS));
        for sound in [LIMITS, WINDOWS] {
            args.push(if rng.below(60) == 0 { rng.pick(NASTY) } else { rng.pick(sound) });
        }
        args.push(if rng.below(40) == 0 { rng.pick(NASTY) } else { cost });
    }
    if rng.below(15) == 0 {
        args.push(rng.pick(NASTY));
    }
    args.into_iter().map(<[u8]>::to_vec).collect()
}

/// A random call of LW.BURST, mostly well-formed.
fn burst(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut args = vec![&b"LW.BURST"[..], rng.pick(CALLS)];
    for sound in [LIMITS, WINDOWS] {
        args.push(if rng.below(40) == 0 { rng.pick(NASTY) } else { rng.pick(sound) });
    }
    for _ in 0..rng.below(4) {
        args.push(if rng.below(20) == 0 { rng.pick(NASTY) } else { rng.pick(OPTIONS) });
        args.push(if rng.below(8) == 0 { rng.pick(NASTY) } else { rng.pick(VALUES) });
    }
    args.into_iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn random_calls_get_a_reply_or_an_error_and_never_crash_the_server() {
    let server = Server::start();
    let mut monitor = server.client();
    assert_eq!(monitor.run("MONITOR").text(), "OK");
    let mut client = server.client();
    for make in [
        "LW.POLICY SET p 100 1h 7 1ms",
        "LW.POLICY SET p 3 60 FOR k*",
        "LW.POLICY SET shadow 1 1h SHADOW",
        "SET text x",
        "RPUSH list x",
        "HSET hash a b",
        "XADD stream * a b",
    ] {
        client.run(make);
    }
    let mut rng = Rng(0x10c4_a7c4);
    let (mut answered, mut counted, mut corrected, mut together, mut refused) = (0, 0, 0, 0, 0);
    let mut time = 1;
    for _ in 0..150 {
        let mut calls: Vec<_> = (0..200).map(|_| call(&mut rng)).collect();
        for arg in calls.iter_mut().flatten().filter(|arg| *arg == TIME) {
            *arg = i64::to_string(&time).into_bytes();
        }
        for (call, answer) in calls.iter().zip(client.pipeline(&calls)) {
            let shown = || call.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>();
            if !call[0].starts_with(b"LW.") || (call[0] == b"LW.POLICY" && !answer.is_error()) {
                continue;
            }
            match &answer {
                Value::Array(_) | Value::Int(_) if GUARDS.contains(&call[0].as_slice()) => {}
                Value::Array(_) | Value::Nil
                    if [&b"LW.INSPECT"[..], b"LW.TOP", b"LW.RULES"].contains(&&call[0][..]) => {}
                Value::Array(_) if call[0] == b"LW.BURST" => {
                    Burst::of(&answer);
                    counted += 1;
                }
                Value::Array(_) if call[0].starts_with(b"LW.M") => {
                    MultiReply::of(&answer);
                    together += 1;
                }
                Value::Int(back) if call[0] == b"LW.REFUND" => {
                    assert!((0..1 << 32).contains(back), "{back} to {:?}", shown());
                    corrected += i32::from(*back > 0);
                }
                Value::Array(_) if call[0] == b"LW.SETTLE" => {
                    let ints = answer.ints();
                    assert!(ints.len() == 3 && (ints[0] == 0 || ints[1] == 0), "{ints:?} to {:?}", shown());
                    corrected += i32::from(ints[0] + ints[1] > 0);
                }
                Value::Array(items) if call.iter().any(|arg| WORDS.contains(&arg.as_slice())) => {
                    assert!(matches!(items.len(), 5 | 6), "{items:?} to {:?}", shown());
                    time = items.get(5).map(Value::int).filter(|at| *at > 0).unwrap_or(time);
                    answered += 1;
                }
                Value::Array(_) => {
                    Reply::of(&answer);
                    answered += 1;
                }
                Value::Error(message) => {
                    let coded = ["ERR ", "WRONGTYPE ", "LWNOPOLICY ", "LWNORULE "]
                        .iter()
                        .any(|code| message.starts_with(code));
                    assert!(coded && !message.contains(['\r', '\n', '\0']), "{message:?} to {:?}", shown());
                    assert!(!message.contains("internal error"), "{message:?} to {:?}", shown());
                    refused += 1;
                }
                other => panic!("{other:?} to {:?}", shown()),
            }
        }
    }
    assert!(
        answered > 4_000 && counted > 2_000 && corrected > 100 && together > 500 && refused > 5_000,
        "{answered} answered, {counted} counted, {corrected} corrected, {together} together, {refused} refused"
    );
    assert_eq!(client.run("GET text").text(), "x");
    assert_eq!(client.run("LLEN list").int(), 1);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK", "the keys can be saved and loaded");
    for _ in 0..1_000 {
        assert!(matches!(monitor.read(), Value::Simple(_)), "MONITOR shows every call on one line");
    }
}
