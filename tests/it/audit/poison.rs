//! Rows that Postgres refuses: isolated from their batch, kept as dead letters with a reason, and
//! replayed later.

use super::pair;
use crate::support::{Server, Value, wait_until};

/// A constraint that refuses events of the user `eve`.
pub(super) const CHECK: &str =
    "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT nobody_is_eve CHECK (user_id <> 'eve')";
pub(super) const UNCHECK: &str = "ALTER TABLE lockwatch_audit_log DROP CONSTRAINT nobody_is_eve";

pub(super) fn record(server: &Server, count: usize, eves: &[usize]) -> Vec<String> {
    let calls: Vec<Vec<String>> = (0..count)
        .map(|n| {
            let user = if eves.contains(&n) { "eve".to_owned() } else { format!("user{n}") };
            ["LW.AUDIT", "USER", &user].iter().map(|word| (*word).to_owned()).collect()
        })
        .collect();
    server.client().pipeline(&calls).iter().map(Value::text).collect()
}

#[test]
fn a_refused_row_becomes_a_dead_letter_and_the_rest_of_its_batch_arrives() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql("audit", CHECK);
    let eves = [0, 1, 333, 700, 999];
    let ids = record(&server, 1000, &eves);
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 996);
    let dead = client.dead_events();
    let expected: Vec<_> = eves.iter().rev().map(|n| &ids[*n]).collect();
    assert_eq!(dead.iter().map(|dead| &dead.event.id).collect::<Vec<_>>(), expected, "newest first");
    for letter in &dead {
        assert_eq!(letter.event.user_id.as_deref(), Some("eve"));
        assert!(
            letter.reason.starts_with("23514 ") && letter.reason.contains("nobody_is_eve"),
            "{}",
            letter.reason
        );
        assert!(letter.died_ms >= letter.event.timestamp_ms);
    }
    assert_eq!((client.audit_info("dead"), client.audit_info("dead_total")), (5, 5));
    wait_until("the log says so", || {
        let log = server.log();
        log.contains("Postgres refused") && log.contains("SQLSTATE 23514")
    });
    assert!(!server.log().contains("nobody_is_eve"), "{}", server.log());
    // Discard one, replay one that is refused again, then replay the rest without the constraint.
    assert_eq!(client.run(&format!("LW.AUDITLOG DISCARD {}", ids[0])).int(), 1);
    assert_eq!(client.run(&format!("LW.AUDITLOG REPLAY {}", ids[1])).int(), 1);
    wait_until("the event is refused again", || client.audit_info("dead_total") == 6);
    postgres.sql("audit", UNCHECK);
    assert_eq!(client.run("LW.AUDITLOG REPLAY ALL").int(), 4);
    client.wait_until_shipped();
    assert_eq!(client.dead_events(), []);
    let stored = postgres.sql("audit", "SELECT event_id(l) FROM lockwatch_audit_log l ORDER BY seq");
    let stored: Vec<_> = stored.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(stored[1..], ids[1..]);
}

#[test]
fn dead_letters_survive_replication_reload_and_restart() {
    let (postgres, mut server) = pair();
    let mut client = server.client();
    client.run("CONFIG SET appendfsync always");
    client.run("CONFIG SET appendonly yes");
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql("audit", CHECK);
    record(&server, 10, &[3, 7]);
    client.wait_until_shipped();
    let dead = client.dead_events();
    assert_eq!(dead.len(), 2);
    let replica = Server::builder().replica_of(&server).start();
    server.wait_for_replica(&replica);
    assert_eq!(replica.client().dead_events(), dead);
    client.run("DEBUG RELOAD");
    assert_eq!(client.dead_events(), dead);
    client.run("CONFIG REWRITE");
    client.run("SAVE");
    server.kill();
    server.start_again();
    assert_eq!(server.client().dead_events(), dead);
}

#[test]
fn a_row_refused_by_an_exception_in_a_trigger_becomes_a_dead_letter() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "CREATE FUNCTION check_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.user_id = 'eve' THEN \
         RAISE EXCEPTION 'no eves'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER check_user BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION check_user()",
    );
    record(&server, 100, &[50]);
    client.wait_until_shipped();
    assert_eq!(client.dead_events()[0].reason, "P0001 no eves");
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 100);
}

#[test]
fn a_dead_letter_replayed_while_later_batches_are_in_flight_is_not_lost() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql("audit", CHECK);
    let ids = record(&server, 100, &[50]);
    client.wait_until_shipped();
    let dead = client.dead_events()[0].event.id.clone();
    assert_eq!(dead, ids[50]);
    postgres.sql("audit", UNCHECK);
    // The lock keeps batches in flight that span the position of the dead letter while it is
    // replayed.
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    record(&server, 3000, &[]);
    wait_until("a batch is in flight", || {
        postgres.number("audit", "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0
    });
    assert_eq!(client.run("LW.AUDITLOG REPLAY ALL").int(), 1);
    session.run("ROLLBACK");
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 3101);
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log WHERE user_id = 'eve'"), 1);
}

#[test]
fn events_of_a_new_primary_are_not_confused_with_those_in_flight() {
    let (postgres, server) = pair();
    let other = Server::start();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    record(&server, 500, &[]);
    let theirs = record(&other, 500, &[]);
    wait_until("a batch is in flight", || {
        postgres.number("audit", "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0
    });
    // From here on the server holds other events with the same sequence numbers.
    let address = other.address();
    client.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    other.wait_for_replica(&server);
    client.run("REPLICAOF NO ONE");
    session.run("ROLLBACK");
    client.wait_until_shipped();
    let stored = postgres.sql("audit", "SELECT event_id(l) FROM lockwatch_audit_log l");
    let stored: std::collections::BTreeSet<_> = stored.into_iter().map(|row| row[0].clone()).collect();
    assert!(theirs.iter().all(|id| stored.contains(id)));
}

#[test]
fn a_row_refused_by_a_unique_index_becomes_a_dead_letter() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql("audit", "CREATE UNIQUE INDEX once_a_moment ON lockwatch_audit_log (endpoint, timestamp)");
    client.audit("ENDPOINT /a TIME 1790000000000");
    let second = client.audit("ENDPOINT /a TIME 1790000000000");
    client.wait_until_shipped();
    let dead = client.dead_events();
    assert_eq!((dead.len(), &dead[0].event.id), (1, &second));
    assert!(dead[0].reason.starts_with("23505 "), "{}", dead[0].reason);
}

#[test]
fn a_row_refused_by_a_check_violation_in_a_trigger_becomes_a_dead_letter() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "CREATE FUNCTION check_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.user_id = 'eve' THEN \
         RAISE EXCEPTION 'no eves' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER check_user BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION check_user()",
    );
    record(&server, 100, &[50]);
    client.wait_until_shipped();
    assert_eq!(client.dead_events()[0].reason, "23514 no eves");
}

#[test]
fn an_unknown_error_is_reported_by_its_sqlstate_alone() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'bad data %', NEW.data USING ERRCODE = 'LW001'; END $$; \
         CREATE TRIGGER tell BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION tell()",
    );
    client.audit("DATA {\"card\":\"4111\"}");
    wait_until("the batch is refused", || client.audit_info("retries_total") > 0);
    let error = client.audit_text("last_error");
    assert_eq!(error, "the database refuses every event: an error of a trigger or an extension (LW001)");
    assert!(!server.log().contains("4111"), "{}", server.log());
    postgres.sql("audit", "DROP TRIGGER tell ON lockwatch_audit_log");
    client.wait_until_shipped();
}
