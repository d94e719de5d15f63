//! Loads on tokens that redis-benchmark cannot make, because each call needs the reply to an
//! earlier one, and the cost of a bare signature. `scripts/bench.sh` uses them.
//!
//! `cargo run --release --example token_load -- ARGUMENTS` prints, for these arguments:
//!
//! - `bare PEM-FILE THREADS`: signatures a second, and nanoseconds to verify one
//! - `fill PORT KEY SESSIONS`: the tokens of the last session
//! - `verify PORT KEY SESSIONS`: nanoseconds of the server's CPU to verify a new token
//! - `rotate PORT CONNECTIONS SECONDS`: rotations a second

#![expect(clippy::expect_used, reason = "a failed measurement should stop and say where")]

use std::env::args;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use lockwatch::measured::Key;
use redis::{Client, Connection, Value, cmd, pipe};

fn main() {
    let words: Vec<String> = args().skip(1).collect();
    let word = |n: usize| words.get(n).expect("the arguments that the head of this file lists").as_str();
    let number = |n: usize| word(n).parse::<u64>().expect("a number");
    match word(0) {
        "bare" => bare(word(1), number(2)),
        "fill" => {
            let last = issue(&mut connect(number(1)), word(2), number(3)).pop().expect("a session");
            println!("{}\n{}", last.0, last.1);
        }
        "verify" => verify(&mut connect(number(1)), word(2), number(3)),
        _ => rotate(number(1), number(2), Duration::from_secs(number(3))),
    }
}

fn connect(port: u64) -> Connection {
    let client = Client::open(format!("redis://127.0.0.1:{port}")).expect("a URL");
    client.get_connection().expect("the server answers")
}

/// The duration of each bare measurement.
const BARE: Duration = Duration::from_secs(2);

fn bare(path: &str, threads: u64) {
    let key = Key::from_pem(&std::fs::read(path).expect("a file")).expect("a key");
    let message = vec![b'x'; 400];
    let signed = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let began = Instant::now();
                while began.elapsed() < BARE {
                    key.sign(&message).expect("a signature");
                    signed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let signature =
        BASE64_URL_SAFE_NO_PAD.decode(key.sign(&message).expect("a signature")).expect("base64url");
    let (began, mut verified) = (Instant::now(), 0);
    while began.elapsed() < BARE {
        assert!(key.verify(&message, &signature));
        verified += 1;
    }
    println!("{} {}", signed.into_inner() / BARE.as_secs(), began.elapsed().as_nanos() / verified);
}

const PIPELINE: u64 = 16;

/// Begins sessions, each of another subject. Returns their access and refresh tokens.
fn issue(connection: &mut Connection, key: &str, sessions: u64) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut n = 0;
    while n < sessions {
        let mut batch = pipe();
        for _ in 0..PIPELINE.min(sessions - n) {
            batch.cmd("LW.ISSUE").arg(key).arg(format!("user{n}")).arg("CLAIMS").arg(r#"{"role":"member"}"#);
            n += 1;
        }
        let answers: Vec<(String, String, i64, i64, String)> = batch.query(connection).expect("sessions");
        all.extend(answers.into_iter().map(|(access, refresh, ..)| (access, refresh)));
    }
    all
}

/// Returns the nanoseconds of CPU that the server has used.
fn cpu_ns(connection: &mut Connection) -> f64 {
    let info: String = cmd("INFO").arg("cpu").query(connection).expect("INFO");
    let fields = info.lines().filter_map(|line| line.split_once(':'));
    let used = fields.filter(|(name, _)| matches!(*name, "used_cpu_user" | "used_cpu_sys"));
    used.map(|(_, seconds)| seconds.trim().parse::<f64>().expect("seconds") * 1e9).sum()
}

fn verify(connection: &mut Connection, key: &str, sessions: u64) {
    let tokens = issue(connection, key, sessions);
    let before = cpu_ns(connection);
    for batch in tokens.chunks(PIPELINE as usize) {
        let mut calls = pipe();
        batch.iter().for_each(|(access, _)| {
            calls.cmd("LW.VERIFY").arg(key).arg(access);
        });
        let _: Vec<String> = calls.query(connection).expect("each is good");
    }
    println!("{:.0}", (cpu_ns(connection) - before) / sessions as f64);
}

fn rotate(port: u64, connections: u64, time: Duration) {
    let rotated = AtomicU64::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for n in 0..connections {
            let rotated = &rotated;
            scope.spawn(move || {
                let mut connection = connect(port);
                let mut refresh =
                    issue(&mut connection, &format!("rotate{n}"), 1).pop().expect("a session").1;
                while began.elapsed() < time {
                    let next: Vec<Value> = cmd("LW.ROTATE")
                        .arg(format!("rotate{n}"))
                        .arg(&refresh)
                        .query(&mut connection)
                        .expect("tokens");
                    let Some(Value::BulkString(token)) = next.get(1) else { panic!("no refresh token") };
                    refresh = String::from_utf8(token.clone()).expect("text");
                    rotated.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{:.0}", rotated.into_inner() as f64 / began.elapsed().as_secs_f64());
}
