//! `lockwatch hunt`, with a real Postgres whose table the module has made.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use lockwatch_test_support::postgres::{ENCODED_PASSWORD, PASSWORD, Postgres};
use lockwatch_test_support::proxy::{Proxy, Way};
use lockwatch_test_support::{Client, Server};
use serde_json::Value;

use crate::program::{run, text};

#[path = "../../src/hunt/traffic/mod.rs"]
mod traffic;

use traffic::{DAY, DAYS, Log, START};

const DATABASE: &str = "log";

/// A database with the table, and the server that has made it.
struct Site {
    postgres: Postgres,
    server: Server,
    url_file: String,
}

impl Site {
    /// Lets the module make the table and the partitions of the week, and empties them.
    fn start() -> Self {
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

    fn client(&self) -> Client {
        self.server.client()
    }

    /// Inserts rows in the text format of COPY.
    fn copy(&self, rows: &str) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(rows.as_bytes()).unwrap();
        let columns = "\"timestamp\", kind, user_id, ip, endpoint, method, status_code, rate_limit_hit, \
                       anomaly_detected, data, epoch, seq";
        let path = file.path().display();
        self.postgres.sql(DATABASE, &format!("\\copy lockwatch_audit_log ({columns}) FROM '{path}'"));
    }

    fn load(&self, log: &Log) {
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
    fn load_people(&self, users: usize) {
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

    fn hunt(&self, more: &[&str]) -> Output {
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
    fn json(&self, more: &[&str]) -> Value {
        let output = self.hunt(&[&["--json"], more].concat());
        serde_json::from_str(&succeeded(&output)).unwrap()
    }
}

/// What a run printed that succeeded and complained about nothing.
#[track_caller]
fn succeeded(output: &Output) -> String {
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

/// The message of a run that could not do its work.
#[track_caller]
fn refused(output: &Output) -> String {
    let why = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{why}");
    for secret in [PASSWORD, ENCODED_PASSWORD] {
        assert!(!why.contains(secret), "{why}");
    }
    why
}

#[track_caller]
fn subjects(report: &Value, what: &str) -> Vec<String> {
    let strangest = report[what]["strangest"].as_array().unwrap();
    strangest.iter().map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
}

/// How many of `names` are attackers, with how often each group occurs.
fn judged(log: &Log, names: &[String], is_user: bool) -> (usize, HashMap<&'static str, usize>) {
    let mut groups = HashMap::new();
    let mut attackers = 0;
    for name in names {
        let of = |group: &&traffic::Group| {
            let members = if is_user { &group.users } else { &group.ips };
            members.contains(name)
        };
        let found: Vec<_> = log.groups.iter().filter(of).collect();
        let attack = found.iter().find(|group| group.is_attack);
        attackers += usize::from(attack.is_some());
        let group = attack.or(found.first()).unwrap_or_else(|| panic!("{name} is in the log"));
        *groups.entry(group.name).or_default() += 1;
    }
    (attackers, groups)
}

#[test]
fn planted_attackers_are_found_and_those_who_are_allowed_left_out() {
    let (site, log) = (Site::start(), traffic::week(21));
    site.load(&log);
    let report = site.json(&["--top", "20"]);
    assert_eq!(report["events"], log.calls.len());
    let (addresses, users) = (subjects(&report, "addresses"), subjects(&report, "users"));
    let (attackers, groups) = judged(&log, &addresses[..10], false);
    assert!(attackers >= 8, "{groups:?}");
    let (attackers, groups) = judged(&log, &users, true);
    assert!(attackers >= 5, "{groups:?}");
    assert_eq!(report, site.json(&["--top", "20"]), "the same log gives the same answer");

    let mut client = site.client();
    let mut expect_ok = |line: &str| {
        let answer = client.run(line);
        assert!(!answer.is_error(), "{line}: {answer:?}");
    };
    expect_ok(&format!("LW.ALLOW login IP {} FOR 1h", addresses[0]));
    expect_ok(&format!("LW.ALLOW login USER {} FOR 1h", users[0]));
    expect_ok(&format!("LW.BAN login IP {} FOR 1h", addresses[1]));
    expect_ok(&format!("CONFIG SET lockwatch.guard-never-ban {}", addresses[2]));
    let (excluded, excluded_user) = (addresses[3].as_str(), users[1].as_str());
    let report = site.json(&["--exclude", excluded, "--exclude-user", excluded_user]);
    let (left, left_users) = (subjects(&report, "addresses"), subjects(&report, "users"));
    for gone in [&addresses[0], &addresses[2], &addresses[3]] {
        assert!(!left.contains(gone), "{gone} in {left:?}");
    }
    assert!(!left_users.contains(&users[0]) && !left_users.contains(&users[1]), "{left_users:?}");
    assert_eq!((left.len(), left_users.len()), (10, 10));
    let strangest = report["addresses"]["strangest"].as_array().unwrap();
    let banned = strangest.iter().find(|it| it["subject"] == addresses[1].as_str()).unwrap();
    assert_eq!(banned["now"], "deny by operator");
}

#[test]
fn a_hostile_name_is_shown_as_text_and_banned_by_the_printed_line() {
    let site = Site::start();
    site.load_people(30);
    // In COPY's text format: a backslash before each character that is special there.
    let name = "evil \u{1b}[2J$(reboot)`x`\"'\\ \u{202e}\n;é";
    let in_copy = name.replace('\\', "\\\\").replace('\n', "\\n");
    let mut rows = String::new();
    for call in 0..200 {
        let time = format!("2026-03-02 {:02}:{:02}:30+00", call / 9, call % 60);
        writeln!(rows, "{time}\tlogin\t{in_copy}\t2001:db8:5::1\t/\u{1b}]0;{call}\tPOST\t200\tf\tf\t{{\"agent\":\"a{call}\"}}\t99\t{call}")
            .unwrap();
    }
    site.copy(&rows);
    let report = site.json(&[]);
    assert_eq!(subjects(&report, "users")[0], name);
    let printed = succeeded(&site.hunt(&[]));
    assert!(printed.chars().all(|char| char == '\n' || !char.is_control()), "{printed}");
    assert!(!printed.contains('\u{202e}') && printed.contains("\\x1b[2J"), "{printed}");
    assert!(printed.contains("2001:db8:5::/64"), "{printed}");

    let line = report["users"]["strangest"][0]["command"].as_str().unwrap();
    assert!(printed.contains(line));
    let mut cli = Command::new("redis-cli")
        .args(["-p", &site.server.address().port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(cli.stdin.take().unwrap(), "{line}").unwrap();
    let answer = text(&cli.wait_with_output().unwrap().stdout);
    assert!(answer.trim().parse::<i64>().is_ok(), "{line}: {answer}");
    let verdict = site.client().call(&["LW.WHY", "login", "USER", name]);
    assert_eq!(verdict.field("verdict").text(), "deny");
}

#[test]
fn a_cron_run_raises_at_most_ten_alerts_and_none_again_for_a_day() {
    let site = Site::start();
    site.load_people(40);
    let alerts = |site: &Site| site.client().info("lockwatch").number("lockwatch_alert_raised_total");
    let before = alerts(&site);
    let all = ["--alert", "--alert-score", "0", "--json"];
    let report: Value = serde_json::from_str(&succeeded(&site.hunt(&all))).unwrap();
    assert_eq!(report["alerts"]["raised"], 10);
    let waiting = site.client().waiting();
    assert_eq!((alerts(&site) - before, waiting.len()), (10, 10));
    let line = succeeded(&site.hunt(&["--alert", "--alert-score", "0", "--quiet"]));
    assert!(line.ends_with("0 alerts raised, 10 raised before\n") && line.lines().count() == 1, "{line}");
    assert_eq!(alerts(&site) - before, 10);
    let line = succeeded(&site.hunt(&["--alert", "--alert-score", "1", "--quiet"]));
    assert!(line.ends_with("0 alerts raised, 0 raised before\n"), "{line}");
}

#[test]
fn few_subjects_and_an_empty_log_are_no_errors() {
    let site = Site::start();
    let empty = succeeded(&site.hunt(&["--quiet"]));
    assert!(empty.contains("0 events, 0 addresses (too few to compare)"), "{empty}");
    site.load_people(19);
    // Rows without a user, without an address, and without either.
    let row = |user: &str, ip: &str, n: usize| {
        format!("2026-03-02 10:00:00+00\tx\t{user}\t{ip}\t\\N\t\\N\t\\N\tf\tf\t[1]\t77\t{n}\n")
    };
    site.copy(
        &[row("\\N", "\\N", 1), row("\\N", "10.0.0.1", 2), row("\\N", "::1", 3), row("u", "\\N", 4)].concat(),
    );
    let few = succeeded(&site.hunt(&[]));
    assert!(few.contains("Users: 19 with enough calls, which is too few to compare"), "{few}");
    assert!(!few.contains("LW.BAN"), "{few}");
    let one = site.json(&["--by", "ip", "--min-calls", "1"]);
    assert_eq!((&one["users"], &one["addresses"]["too_few"]), (&Value::Null, &Value::Bool(true)));
}

#[test]
fn without_a_server_the_log_is_still_read_but_no_alert_raised() {
    let site = Site::start();
    site.load_people(30);
    let away = [
        "hunt",
        "--database-url-file",
        &site.url_file,
        "--redis",
        "redis://127.0.0.1:1",
        "--until",
        "2026-03-09",
    ];
    let output = run(away);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("30 compared"));
    assert!(text(&output.stderr).contains("are not left out"), "{}", text(&output.stderr));
    let why = refused(&run(away.into_iter().chain(["--alert"])));
    assert!(why.contains("alerts need a server"), "{why}");
    let printed = succeeded(&run(away.into_iter().chain(["--no-redis"])));
    assert!(printed.contains("LW.BAN login"), "{printed}");
}

#[test]
fn an_error_says_what_to_do_and_no_secret() {
    let mut site = Site::start();
    site.load_people(30);
    let from = |url: &str| run(["hunt", "--no-redis", "--until", "2026-03-09", "--database-url-file", url]);
    assert!(refused(&run(["hunt", "--no-redis"])).contains("no database is named"));
    assert!(refused(&from("/nowhere/url")).contains("can't be read"));
    let why = refused(&run([
        "hunt",
        "--database-url-file",
        &site.url_file,
        "--since",
        "2026-03-10",
        "--until",
        "2026-03-09",
    ]));
    assert!(why.contains("--since is not before --until"), "{why}");

    let why = refused(&from(&site.postgres.url_file("postgres")));
    assert!(why.contains("there is no table lockwatch_audit_log"), "{why}");
    let sql = |statement: &str| site.postgres.sql(DATABASE, statement);
    sql("CREATE ROLE reader LOGIN PASSWORD 'x'");
    let reader =
        site.postgres.file_with(&format!("postgres://reader:x@{}/{DATABASE}", site.postgres.address()));
    assert!(refused(&from(&reader)).contains("GRANT SELECT ON lockwatch_audit_log"));
    sql("GRANT SELECT ON lockwatch_audit_log TO reader");
    assert!(succeeded(&from(&reader)).contains("30 compared"));

    let mut lock = site.postgres.session(DATABASE);
    lock.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    let why = refused(&site.hunt(&["--query-timeout", "200ms"]));
    assert!(why.contains("longer than 200ms") && why.contains("raise --query-timeout"), "{why}");
    drop(lock);

    sql("INSERT INTO lockwatch_schema VALUES (2)");
    assert!(refused(&site.hunt(&[])).contains("schema of version 2"));
    sql("DELETE FROM lockwatch_schema WHERE version = 2");
    site.postgres.alter(DATABASE, "ALTER TABLE lockwatch_audit_log RENAME COLUMN data TO other");
    assert!(refused(&site.hunt(&[])).contains("a column is missing"));
    site.postgres.alter(DATABASE, "ALTER TABLE lockwatch_audit_log RENAME COLUMN other TO data");
    succeeded(&site.hunt(&[]));
    site.postgres.stop();
    assert!(refused(&site.hunt(&[])).contains("can't connect to postgres://127.0.0.1"));
}

#[test]
fn a_database_that_stops_answering_does_not_hang_the_program() {
    let site = Site::start();
    site.load_people(30);
    let proxy = Proxy::to(site.postgres.address());
    let file = site.postgres.file_with(&site.postgres.url_at(proxy.address(), DATABASE));
    proxy.set(Way::Cut);
    let why = refused(&run(["hunt", "--no-redis", "--database-url-file", &file]));
    assert!(why.contains("within 10s"), "{why}");
}
