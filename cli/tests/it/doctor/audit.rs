//! Faults of the audit log, as the servers see them.

use lockwatch_test_support::postgres::Postgres;
use lockwatch_test_support::{Server, wait_until};

use super::deployment::{Sound, sound};

/// A server that has shipped an event and whose database is away now.
fn without_postgres(lines: &[&str]) -> (Postgres, Sound) {
    let mut postgres = Postgres::start();
    postgres.create_database("audit");
    let builder = sound(Server::builder()).shipping_to(&postgres, "audit");
    let server = lines.iter().fold(builder, |builder, line| builder.config(*line)).start();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.stop();
    client.audit("USER second");
    wait_until("the server has noticed", || client.audit_info("state_number") == 5);
    (postgres, Sound::of(server))
}

#[test]
fn a_database_that_is_away_is_found_then_the_lag_then_a_full_journal() {
    let lines = ["lockwatch.audit-lag-alert 3600", "lockwatch.audit-max-events 16"];
    let (_postgres, mut sound) = without_postgres(&lines);
    let report = sound.doctor(&["--skip", "database"]);
    wait_until("it waits again", || sound.admin.audit_info("state_number") == 5);
    assert!(report.findings().iter().any(|(_, check, _)| check == "postgres"), "{}", report.printed);
    sound.admin.set("audit-lag-alert", "10ms");
    for _ in 0..8 {
        sound.admin.audit("USER a");
    }
    let report = sound.doctor(&["--only", "audit-lag,journal-size,refused-events"]);
    report.assert_is(&[("error", "audit-lag"), ("warning", "journal-size")]);
    while !sound.admin.run("LW.AUDIT USER b").is_error() {}
    let report = sound.doctor(&["--only", "journal-size,refused-events,lost-alerts"]);
    report.assert_is(&[("error", "journal-size"), ("error", "refused-events")]);
    assert!(!report.printed.contains("p@ss") && !report.printed.contains("p%40ss"), "{}", report.printed);
}

#[test]
fn events_that_postgres_refuses_are_found() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let mut sound = Sound::of(sound(Server::builder()).shipping_to(&postgres, "audit").start());
    sound.admin.audit("USER first");
    sound.admin.wait_until_shipped();
    postgres.sql("audit", "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT no_eve CHECK (user_id <> 'eve')");
    sound.admin.audit("USER eve");
    wait_until("the event is a dead letter", || sound.admin.audit_info("dead") == 1);
    let url = postgres.url_file("audit");
    sound.doctor(&["--database-url-file", &url]).assert_is(&[("warning", "audit-dead-letters")]);
}

#[test]
fn checks_of_the_database_are_skipped_without_its_url() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let mut sound = Sound::of(sound(Server::builder()).shipping_to(&postgres, "audit").start());
    sound.admin.audit("USER first");
    sound.admin.wait_until_shipped();
    let report = sound.doctor(&[]);
    let found = report.findings();
    assert!(
        report.code == 0 && found.len() == 7 && found.iter().all(|(level, ..)| level == "skipped"),
        "{found:?}"
    );
}
