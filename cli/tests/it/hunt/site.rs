//! A database with a log, and runs of the program on it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Output;

use lockwatch_test_support::postgres::{ENCODED_PASSWORD, PASSWORD, Postgres};
use lockwatch_test_support::{Client, Server};
use serde_json::Value;

use super::traffic::{DAY, DAYS, Log, START};
use crate::program::{run, text};

pub const DATABASE: &str = "log";

/// A database with the table, and the server that has made it.
pub struct Site {
    pub postgres: Postgres,
    pub server: Server,
    pub url_file: String,
}

impl Site {
    /// Lets the module make the table and the partitions of the week, and empties them.
    pub fn start() -> Self {
        let postgres = Postgres::start();
        postgres.create_database(DATABASE);
        let server = Server::builder().shipping_to(&postgres, DATABASE).start();
        let mut client = server.client();
        for day in 0..DAYS {
            client.audit(&format!("USER first TIME {}", START + day * DAY));
        }
        client.wait_until_shipped();
        postgres.sql(DATABASE, "DELETE FROM lockwatch_audit_log");
        let url_file = postgres.url_file(DATABASE);
        Self { postgres, server, url_file }
    }

    pub fn client(&self) -> Client {
        self.server.client()
    }

    /// Inserts rows in the text format of COPY.
    pub fn copy(&self, rows: &str) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(rows.as_bytes()).unwrap();
        let columns = "\"timestamp\", kind, user_id, ip, endpoint, method, status_code, rate_limit_hit, \
                       anomaly_detected, data, epoch, seq";
        let path = file.path().display();
        self.postgres.sql(DATABASE, &format!("\\copy lockwatch_audit_log ({columns}) FROM '{path}'"));
    }

    pub fn load(&self, log: &Log) {
        let mut rows = String::new();
        for (seq, call) in log.calls.iter().enumerate() {
            let seconds = call.ms / 1000;
            let day = 2 + (call.ms - START) / DAY;
            let (user, limited) = (call.user.as_deref().unwrap_or("\\N"), call.status == 429);
            writeln!(
                rows,
                "2026-03-{day:02} {:02}:{:02}:{:02}.{:03}+00\trequest\t{user}\t{}\t{}\t{}\t{}\t{limited}\tf\t{{\"agent\":\"{}\"}}\t1\t{seq}",
                seconds / 3600 % 24,
                seconds / 60 % 60,
                seconds % 60,
                call.ms % 1000,
                call.ip.trim_end_matches("/64"),
                call.path,
                call.method,
                call.status,
                call.agent,
            )
            .unwrap();
        }
        self.copy(&rows);
    }

    /// `users` people with an address and 30 calls each on the first day.
    pub fn load_people(&self, users: usize) {
        let mut rows = String::new();
        for user in 0..users {
            for call in 0..30 {
                let minute = call * 17 + user % 11;
                writeln!(
                    rows,
                    "2026-03-02 {:02}:{:02}:00+00\trequest\tperson{user}\t203.0.113.{user}\t/v1/{}\tGET\t200\tf\tf\t\\N\t{user}\t{call}",
                    8 + minute / 60, minute % 60, (call * 7 + user) % 13,
                )
                .unwrap();
            }
        }
        self.copy(&rows);
    }

    pub fn hunt(&self, more: &[&str]) -> Output {
        let redis = self.server.url();
        let fixed = [
            "hunt",
            "--database-url-file",
            &self.url_file,
            "--redis",
            &redis,
            "--since",
            "2026-03-02",
            "--until",
            "2026-03-09",
        ];
        run(fixed.into_iter().chain(more.iter().copied()))
    }

    #[track_caller]
    pub fn json(&self, more: &[&str]) -> Value {
        let output = self.hunt(&[&["--json"], more].concat());
        serde_json::from_str(&succeeded(&output)).unwrap()
    }
}

/// What a run printed that succeeded and complained about nothing.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

/// The message of a run that could not do its work.
#[track_caller]
pub fn refused(output: &Output) -> String {
    let why = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{why}");
    for secret in [PASSWORD, ENCODED_PASSWORD] {
        assert!(!why.contains(secret), "{why}");
    }
    why
}
