//! A hostile server: all its numbers are extreme. The program is built with checks for overflows in
//! the tests, and panics at one.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lockwatch_test_support::Server;

use crate::program::{run, text};
use crate::top::pty::Terminal;

/// Answers with numbers of this list, each time and in each field with the next one.
#[derive(Clone)]
struct Hostile {
    numbers: &'static [i64],
    info: Arc<BTreeMap<String, String>>,
    next: Arc<AtomicUsize>,
    /// A connection that has sent this command gets no answers any more.
    silent_at: &'static str,
}

const LINES: [&str; 5] = [
    "lockwatch_policy_p:calls=#,denied=#,shadow_denied=#",
    "lockwatch_guard_login/brute:fired=#,challenged=#,denied=#,observed=#",
    "lockwatch_audit_ship_ms:count=#,sum=#,le_1=#,le_1000=#,le_inf=#",
    "lockwatch_alert_endpoint_0:url=https://x.example/,state=open,pending=#,delivered=#,failed=#,\
     last_status=#,last_error_ms=#,last_error=x",
    "slave0:ip=127.0.0.1,port=1,state=online,offset=#,lag=#",
];

impl Hostile {
    fn start(
        numbers: &'static [i64],
        info: &BTreeMap<String, String>,
        silent_at: &'static str,
    ) -> SocketAddr {
        let it = Self { numbers, info: Arc::new(info.clone()), next: Arc::default(), silent_at };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let it = it.clone();
                thread::spawn(move || it.serve(stream));
            }
        });
        address
    }

    fn serve(&self, stream: TcpStream) {
        let (mut from, mut to) = (BufReader::new(stream.try_clone().unwrap()), stream);
        while let Some(call) = read_call(&mut from) {
            if call[0].eq_ignore_ascii_case(self.silent_at) {
                let _ = io::copy(&mut from, &mut io::sink());
                return;
            }
            let answer = self.answer(&call.iter().map(String::as_str).collect::<Vec<_>>());
            if to.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn number(&self) -> i64 {
        self.numbers[self.next.fetch_add(1, Ordering::SeqCst) % self.numbers.len()]
    }

    fn answer(&self, call: &[&str]) -> String {
        let has = |name: &str| call.get(1).is_some_and(|word| word.eq_ignore_ascii_case(name));
        match call[0].to_ascii_uppercase().as_str() {
            "HELLO" => "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n".into(),
            "INFO" => bulk(&self.info()),
            "CLIENT" | "SELECT" => "+OK\r\n".into(),
            "TIME" => {
                format!("*2\r\n{}{}", bulk(&self.number().to_string()), bulk(&self.number().to_string()))
            }
            "SCAN" => "*2\r\n$1\r\n0\r\n*1\r\n$5\r\nlogin\r\n".into(),
            "CONFIG" => self.record(
                "lockwatch.tokens-not-before=# lockwatch.guard-max-bytes=# \
                lockwatch.audit-retention-days=# min-replicas-to-write=# min-replicas-max-lag=# save= \
                lockwatch.verify-cache-entries=# lockwatch.max-bytes=#",
            ),
            "LW.TOP" => format!("*1\r\n{}", self.record("db=# key=k denied=# error=# last_ms=#")),
            "LW.BANS" => format!(
                "*1\r\n{}",
                self.record(
                    "subject=203.0.113.9 source=rule rule=brute \
                verdict=deny from_ms=# until_ms=# strikes=# count=# window_ms=#"
                )
            ),
            "LW.ALERTS" if has("RECENT") => format!(
                "*1\r\n{}",
                self.record("id=1-1 type=guard.broken timestamp_ms=# waiting=1 dead=# body={}")
            ),
            _ => "-ERR unknown command\r\n".into(),
        }
    }

    /// What the real server says, with other numbers.
    fn info(&self) -> String {
        let keeps = ["tcp_port", "arch_bits"];
        let line = |(name, value): (&String, &String)| match value.parse::<i64>() {
            Ok(_) if !keeps.contains(&name.as_str()) => format!("{name}:{}\r\n", self.number()),
            _ => format!("{name}:{value}\r\n"),
        };
        let own: String = LINES.iter().map(|line| self.filled(line) + "\r\n").collect();
        self.info.iter().map(line).collect::<String>() + &own
    }

    /// `text` with a number in place of each `#`.
    fn filled(&self, text: &str) -> String {
        text.chars().map(|char| if char == '#' { self.number().to_string() } else { char.into() }).collect()
    }

    /// A map of words such as `name=#`.
    fn record(&self, words: &str) -> String {
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let pair = |word: &&str| {
            let (name, value) = word.split_once('=').unwrap();
            bulk(name) + &bulk(&self.filled(value))
        };
        format!("%{}\r\n", words.len()) + &words.iter().map(pair).collect::<String>()
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Reads an array of bulk strings.
fn read_call(from: &mut impl BufRead) -> Option<Vec<String>> {
    fn length(from: &mut impl BufRead) -> Option<usize> {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        line.get(1..)?.trim_end().parse().ok()
    }
    let count = length(from)?;
    let mut call = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; length(from)? + 2];
        from.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        call.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(call)
}

/// What a real server says.
fn real_info() -> BTreeMap<String, String> {
    let server = Server::start();
    let mut info = server.info("everything").fields;
    info.extend(server.info("lockwatch").fields);
    assert!(info.contains_key("lockwatch_guards") && info.contains_key("used_memory"));
    info
}

#[test]
fn top_shows_a_snapshot_before_the_bans_are_known() {
    let url = format!("redis://{}/", Hostile::start(&[1], &real_info(), "LW.BANS"));
    // The answers to LW.BANS would be waited for longer than the screen is.
    let args = ["--redis", &url, "--single", "--timeout", "60s", "--guard", "login"];
    let mut top = Terminal::start(&args, &[], 80, 24);
    top.shows("1 of 1");
    top.press("q");
    assert_eq!(top.code(), 0);
}

#[test]
fn extreme_numbers_of_a_server_make_nothing_panic() {
    let info = real_info();
    const MIX: &[i64] = &[i64::MIN, i64::MAX, -1, i64::MAX - 1, 0, 1, i64::MAX];
    for numbers in [&[i64::MAX][..], &[i64::MIN], &[i64::MIN, i64::MAX], MIX] {
        let url = format!("redis://{}/", Hostile::start(numbers, &info, "none"));
        for args in [
            &["metrics", "--once"][..],
            &["top", "--once", "--interval", "200ms", "--guard", "login"],
            &["doctor"],
        ] {
            let output = run(args.iter().copied().chain(["--single", "--redis", &url]));
            let (out, error) = (text(&output.stdout), text(&output.stderr));
            assert!(!error.contains("panic"), "{args:?} {numbers:?}\n{error}");
            let shows = if args[0] == "metrics" { "lockwatch_" } else { "lockwatch" };
            assert!(out.contains(shows), "{args:?} {numbers:?}\n{out}\n{error}");
            assert!(
                output.status.code().is_some_and(|code| code < 3),
                "{args:?} {:?}\n{error}",
                output.status
            );
        }
    }
}
