//! Logs that can't be read, and logs that say little.

use lockwatch_test_support::postgres::Postgres;
use lockwatch_test_support::proxy::{Proxy, Way};
use serde_json::Value;

use super::site::{DATABASE, Site, refused, succeeded};
use crate::program::{run, text};

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

/// Runs with the URL of a file, and without servers.
fn from(url_file: &str) -> std::process::Output {
    run(["hunt", "--no-redis", "--until", "2026-03-09", "--database-url-file", url_file])
}

#[test]
fn a_wrong_option_says_what_to_do() {
    assert!(refused(&run(["hunt", "--no-redis"])).contains("no database is named"));
    assert!(refused(&from("/nowhere/url")).contains("can't be read"));
    let postgres = Postgres::start();
    let file = postgres.url_file("postgres");
    let backwards = ["hunt", "--database-url-file", &file, "--since", "2026-03-10", "--until", "2026-03-09"];
    assert!(refused(&run(backwards)).contains("--since is not before --until"));
    assert!(refused(&from(&file)).contains("there is no table lockwatch_audit_log"));
    for bad in [["--night", "25-3"], ["--exclude", "host"], ["--since", "soon"], ["--query-timeout", "1"]] {
        refused(&run(["hunt"].into_iter().chain(bad)));
    }
}

#[test]
fn a_log_that_may_not_be_read_says_what_to_grant_and_no_secret() {
    let site = Site::start();
    site.load_people(30);
    site.postgres.sql(DATABASE, "CREATE ROLE reader LOGIN PASSWORD 'hunter2'");
    let address = site.postgres.address();
    let reader = site.postgres.file_with(&format!("postgres://reader:hunter2@{address}/{DATABASE}"));
    let why = refused(&from(&reader));
    assert!(why.contains("GRANT SELECT ON lockwatch_audit_log") && !why.contains("hunter2"), "{why}");
    site.postgres.sql(DATABASE, "GRANT SELECT ON lockwatch_audit_log TO reader");
    assert!(succeeded(&from(&reader)).contains("30 compared"));
    let nobody = site.postgres.file_with(&format!("postgres://nobody:hunter2@{address}/{DATABASE}"));
    let why = refused(&from(&nobody));
    assert!(why.contains("can't connect") && !why.contains("hunter2"), "{why}");
}

#[test]
fn a_table_in_use_or_of_another_version_says_so() {
    let mut site = Site::start();
    site.load_people(30);
    let mut lock = site.postgres.session(DATABASE);
    lock.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    let why = refused(&site.hunt(&["--query-timeout", "200ms"]));
    assert!(why.contains("longer than 200ms") && why.contains("raise --query-timeout"), "{why}");
    drop(lock);
    site.postgres.sql(DATABASE, "INSERT INTO lockwatch_schema VALUES (2)");
    assert!(refused(&site.hunt(&[])).contains("schema of version 2"));
    site.postgres.sql(DATABASE, "DELETE FROM lockwatch_schema WHERE version = 2");
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
