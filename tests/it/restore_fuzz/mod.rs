//! RESTORE accepts bytes from clients. Whatever the bytes are, the server must not crash, hang or
//! allocate much memory. Every accepted value must be usable, and must survive saving and loading.

mod forge;
mod mutate;
mod sound;
mod used;

use std::fs;
use std::time::{Duration, Instant};

use super::support::payload::Payload;
use super::support::workload::Workload;
use super::support::{Client, Random, Server, Value};
use forge::forge;
use mutate::mutate;
use sound::is_sound;
use used::use_and_drop;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `lw-window`
    Window,
    /// `lw-bursts`
    Bursts,
}

/// The dump of a real value.
struct Seed {
    kind: Kind,
    payload: Payload,
}

/// Number of payloads that each test restores.
fn payloads() -> usize {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { 2_000_000 } else { 100_000 }
}

const BATCH: usize = 500;
/// The time limit for a batch, which normally takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn damaged_values_neither_crash_nor_hang_the_server() {
    let server = Server::builder().config("rdbcompression no").start();
    fuzz(&server, payloads(), |seed, other, random| {
        let mut saved = seed.payload.saved().to_vec();
        mutate(&mut saved, other.payload.saved(), random);
        (seed.payload.with_saved(&saved), Some(is_sound(seed.kind, &saved)))
    });
    assert_memory_stayed_small(&server);
}

#[test]
fn forged_values_neither_crash_nor_hang_the_server() {
    let server = Server::builder().config("rdbcompression no").start();
    let now = server.client().time_ms() as u64;
    fuzz(&server, payloads() / 4, |seed, _, random| {
        let saved = forge(seed.kind, now, random);
        (seed.payload.with_saved(&saved), Some(is_sound(seed.kind, &saved)))
    });
    assert_memory_stayed_small(&server);
}

/// Only the module has parsed the damaged bytes, so the server's peak memory is bounded by the
/// module's allocations.
fn assert_memory_stayed_small(server: &Server) {
    let peak = server.info("memory").number("used_memory_peak");
    assert!(peak < 64 << 20, "{peak} bytes of memory at the peak");
}

#[test]
fn damaged_payloads_neither_crash_nor_hang_the_server() {
    let server = Server::builder().start();
    fuzz(&server, payloads(), |seed, other, random| {
        let mut body = seed.payload.body().to_vec();
        mutate(&mut body, other.payload.body(), random);
        (seed.payload.with_body(&body), None)
    });
    let pid = server.info("server").number("process_id");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server's process");
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of its memory");
    let resident: usize = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(resident < 128 << 10, "{resident} kB resident at the peak");
}

/// A payload for RESTORE, and whether it must be accepted, if known.
type Attempt = (Vec<u8>, Option<bool>);

/// Restores `n` payloads that `damage` makes from real ones.
fn fuzz(server: &Server, n: usize, damage: impl Fn(&Seed, &Seed, &mut Random) -> Attempt) {
    let mut random = Random::new();
    let mut client = server.client();
    let seeds = seeds(&mut client);
    let before = client.info("memory").number("used_memory");
    let (mut accepted, mut refused) = (0, 0);
    while accepted + refused < n {
        let started = Instant::now();
        let attempts: Vec<Attempt> =
            (0..BATCH).map(|_| damage(random.pick(&seeds), random.pick(&seeds), &mut random)).collect();
        let good = restore(&mut client, &attempts);
        let entries = random.pick(&[8, 64, 512, 16_384]);
        client.run(&format!("CONFIG SET lockwatch.window-max-entries {entries}"));
        use_and_drop(&mut client, &good, &mut random);
        accepted += good.len();
        refused += BATCH - good.len();
        assert!(started.elapsed() < DEADLINE, "a batch took {:?}", started.elapsed());
    }
    eprintln!("{accepted} payloads accepted, {refused} refused");
    assert!(accepted > n / 100 && refused > n / 100, "{accepted} accepted, {refused} refused");
    client.run("UNLINK copy");
    assert_eq!(client.run("DBSIZE").int(), 0);
    let grown = client.info("memory").number("used_memory") - before;
    assert!(grown < 4 << 20, "{grown} bytes of memory more than before");
}

/// Returns dumps of values of every kind.
fn seeds(client: &mut Client) -> Vec<Seed> {
    let mut workload = Workload::new(Random::new());
    workload.line(client, "fresh 100 60");
    (0..5).for_each(|_| workload.line(client, "burst 100 60 COST 4"));
    workload.spread(client, b"some", "100 60", 12);
    workload.spread(client, b"costs", "1000000000000 1h COST 4294967295", 5);
    workload.spread(client, b"windows", "10 5ms 100 1s 100 10s 100 1m 100 10m 100 1h 100 10h 100 1d", 10);
    workload.line(client, "windows 1000 10d");
    workload.spread(client, b"many", "1000 60", 300);
    workload.spread_bursts(client, b"calls", "100 60", 12);
    workload.spread_bursts(client, b"alerted", "7 60 COOLDOWN 1h", 20);
    workload.spread_bursts(client, b"over", "3 50ms COOLDOWN 1ms", 20);
    workload.spread_bursts(client, b"over", "100 1h", 20);
    client.run("CONFIG SET lockwatch.window-max-entries 8");
    workload.spread(client, b"merged", "1000 100ms 1000 1h", 60);
    workload.spread_bursts(client, b"calls-merged", "9 1h", 60);
    let names = client.run("KEYS *").texts();
    let seeds = names.iter().map(|name| Seed {
        kind: kind_of(&client.run(&format!("TYPE {name}"))),
        payload: Payload::new(client.run(&format!("DUMP {name}")).bytes()),
    });
    let seeds: Vec<Seed> = seeds.collect();
    client.run("FLUSHALL");
    assert_eq!(seeds.len(), 11);
    seeds
}

/// Parses a reply of TYPE.
#[track_caller]
fn kind_of(answer: &Value) -> Kind {
    match answer.text().as_str() {
        "lw-window" => Kind::Window,
        "lw-bursts" => Kind::Bursts,
        other => panic!("a value of type {other}"),
    }
}

/// Restores each payload under its index as the key. Returns the accepted ones.
fn restore(client: &mut Client, attempts: &[Attempt]) -> Vec<(String, Vec<u8>)> {
    let call = |(i, (payload, _)): (usize, &Attempt)| {
        [&b"RESTORE"[..], i.to_string().as_bytes(), b"0", payload, b"REPLACE"].map(<[u8]>::to_vec)
    };
    let answers = client.pipeline(&attempts.iter().enumerate().map(call).collect::<Vec<_>>());
    let mut good = Vec::new();
    for (i, ((payload, expected), answer)) in attempts.iter().zip(answers).enumerate() {
        let accepted = match answer {
            Value::Simple(ok) if ok == "OK" => true,
            Value::Error(why) if why.starts_with("ERR Bad data format") => false,
            // For example a wrong checksum, which the server refuses before the module sees the
            // value.
            other => panic!("{other:?}: RESTORE {}", payload.escape_ascii()),
        };
        assert_eq!(accepted, expected.unwrap_or(accepted), "RESTORE {}", payload.escape_ascii());
        if accepted {
            good.push((i.to_string(), payload.clone()));
        }
    }
    good
}
