//! Uses the values that RESTORE accepted, as a client would.

use super::super::support::{Burst, Client, Random, Reply, Value};
use super::{DEADLINE, Kind, kind_of};

/// Uses every accepted value, checks that it can be saved and loaded, and removes it.
pub fn use_and_drop(client: &mut Client, good: &[(String, Vec<u8>)], random: &mut Random) {
    let mut saved = Vec::new();
    for (name, payload) in good {
        let kind = kind_of(&client.run(&format!("TYPE {name}")));
        let called = match kind {
            Kind::Window => call_limiter(name, random),
            Kind::Bursts => call_detector(name, random),
        };
        let inspected = inspect(name);
        let key_commands = format!("PTTL {name}\nPERSIST {name}\nDUMP {name}");
        let key_commands = key_commands.lines().map(str::to_owned);
        let all: Vec<String> = inspected.into_iter().chain(called.clone()).chain(key_commands).collect();
        let answers = lines(client, &all);
        let context = || format!("restored {}, then {called:?}: {:?}", payload.escape_ascii(), &answers[1..]);
        assert!(answers.iter().all(|answer| !answer.is_error()), "{}", context());
        assert_eq!(answers[1], answers[4], "{}", context());
        assert!(answers[2].int() < 1 << 20, "{}", context());
        let (given, ttl) = (&answers[6..10], answers[10].int());
        let must_stay = match kind {
            Kind::Window => check_limiter(given, &called[2], ttl, &context),
            Kind::Bursts => check_detector(given, ttl, &context),
        };
        match &answers[12] {
            Value::Bulk(dump) => saved.push((name, dump.clone())),
            // A forged window may be so short that the key expires meanwhile, unless an admitted
            // call extended it.
            gone => assert!(*gone == Value::Nil && !must_stay, "{}", context()),
        }
    }
    load_again(client, &saved);
}

/// Six calls that work for a value of either type.
fn inspect(name: &str) -> Vec<String> {
    vec![
        format!("DUMP {name}"),
        format!("DEBUG DIGEST-VALUE {name}"),
        format!("MEMORY USAGE {name}"),
        format!("COPY {name} copy REPLACE"),
        "DEBUG DIGEST-VALUE copy".into(),
        format!("LW.INSPECT {name}"),
    ]
}

/// Four calls on a limiter key.
fn call_limiter(name: &str, random: &mut Random) -> Vec<String> {
    const AMPLE: &str = "9007199254740991 1h COST";
    let cost = random.within(1..=1000);
    let quotas = random.pick(&[
        "100 60",
        "5 10s 1 1ms",
        "1 1m 2 2m 3 3m 4 4m 5 5m 6 6m 7 7m 8 8m",
        "0 10d",
        "99999 10s",
        "99999 2ms 99999 1s",
    ]);
    vec![
        format!("LW.RATELIMIT {name} {quotas} COST {cost}"),
        format!("LW.PEEK {name} {AMPLE} 0"),
        format!("LW.RATELIMIT {name} {AMPLE} {cost}"),
        format!("LW.PEEK {name} {AMPLE} 0"),
    ]
}

/// Checks the replies to these calls. Returns whether the key must exist now.
#[track_caller]
fn check_limiter(answers: &[Value], call: &str, ttl: i64, context: &impl Fn() -> String) -> bool {
    let cost: i64 = call.rsplit(' ').next().and_then(|cost| cost.parse().ok()).expect("its cost");
    let _ = Reply::of(&answers[0]);
    let [before, call, after] = [1, 2, 3].map(|i| Reply::of(&answers[i]));
    if !call.limited {
        let recorded = before.remaining - after.remaining >= cost
            // Older entries may leave the one-hour window in between.
            || after.reset_after > 3_600_000 - DEADLINE.as_millis() as i64;
        assert!(recorded && ttl > 3_600_000 - 60_000, "{}", context());
    }
    !call.limited
}

/// Four calls on a burst key.
fn call_detector(name: &str, random: &mut Random) -> Vec<String> {
    let watch =
        random.pick(&["100 60", "1 1ms COOLDOWN 1ms", "5 10d COOLDOWN 3650d", "9007199254740991 10s"]);
    let again = format!("LW.BURST {name} 1 1h");
    vec![format!("LW.BURST {name} {watch}"), again.clone(), again.clone(), again]
}

/// Checks the replies to these calls. Returns whether the key must exist now.
#[track_caller]
fn check_detector(answers: &[Value], ttl: i64, context: &impl Fn() -> String) -> bool {
    let answers: Vec<Burst> = answers.iter().map(Burst::of).collect();
    assert!(answers[1..].iter().all(|answer| answer.burst), "{}", context());
    let alerts = answers[1..].iter().filter(|answer| answer.alerted).count();
    assert!(alerts <= 1 && ttl > 3_600_000 - 60_000, "{}", context());
    true
}

/// Checks that the state that the calls left can be restored and is unchanged.
#[track_caller]
fn load_again(client: &mut Client, saved: &[(&String, Vec<u8>)]) {
    for (name, dump) in saved {
        let answers = client.pipeline(&[
            [&b"RESTORE"[..], b"again", b"0", dump, b"REPLACE"].to_vec(),
            vec![b"DEBUG", b"DIGEST-VALUE", b"again", name.as_bytes()],
            vec![b"UNLINK", b"again", b"copy", name.as_bytes()],
        ]);
        assert_eq!(answers[0], Value::Simple("OK".into()), "{}", dump.escape_ascii());
        let digests = answers[1].texts();
        assert_eq!(digests[0], digests[1], "{}", dump.escape_ascii());
    }
}

/// Sends the lines in one pipeline.
fn lines(client: &mut Client, lines: &[String]) -> Vec<Value> {
    client.pipeline(&lines.iter().map(|line| line.split(' ').collect()).collect::<Vec<Vec<&str>>>())
}
