//! Rows that Postgres refuses as data: found among their neighbours, set aside with the reason, and delivered later.

use super::pair;
use crate::support::{Server, Value, wait_until};

/// Nobody may be called eve.
const CHECK: &str = "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT nobody_is_eve CHECK (user_id <> 'eve')";
const UNCHECK: &str = "ALTER TABLE lockwatch_audit_log DROP CONSTRAINT nobody_is_eve";

fn record(server: &Server, count: usize, eves: &[usize]) -> Vec<String> {
    let calls: Vec<Vec<String>> = (0..count)
        .map(|n| {
            let user = if eves.contains(&n) { "eve".to_owned() } else { format!("user{n}") };
            ["LW.AUDIT", "USER", &user].iter().map(|word| (*word).to_owned()).collect()
        })
        .collect();
    server.client().pipeline(&calls).iter().map(Value::text).collect()
}

#[test]
fn a_refused_row_is_set_aside_and_its_neighbours_arrive() {
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
    let log = server.log();
    assert!(log.contains("Postgres refused") && log.contains("SQLSTATE 23514"), "{log}");
    // One is thrown away, one is refused again, and then all are wanted.
    assert_eq!(client.run(&format!("LW.AUDITLOG DISCARD {}", ids[0])).int(), 1);
    assert_eq!(client.run(&format!("LW.AUDITLOG REPLAY {}", ids[1])).int(), 1);
    wait_until("it is refused again", || client.audit_info("dead_total") == 6);
    postgres.sql("audit", UNCHECK);
    assert_eq!(client.run("LW.AUDITLOG REPLAY ALL").int(), 4);
    client.wait_until_shipped();
    assert_eq!(client.dead_events(), []);
    let stored = postgres.sql("audit", "SELECT event_id(l) FROM lockwatch_audit_log l ORDER BY seq");
    let stored: Vec<_> = stored.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(stored[1..], ids[1..]);
}

#[test]
fn dead_letters_are_kept() {
    let (postgres, mut server) = pair();
    let mut client = server.client();
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
fn what_a_trigger_raises_is_about_the_data() {
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
fn everything_is_refused_and_nothing_waits() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.sql("audit", CHECK);
    record(&server, 1200, &(0..1200).collect::<Vec<_>>());
    client.wait_until_shipped();
    assert_eq!(client.audit_info("dead"), 1000, "the newest are kept");
    assert_eq!(client.audit_info("dropped_total"), 200);
}

#[test]
fn what_is_put_back_while_its_neighbours_are_under_way_is_not_lost() {
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
    // Batches that begin before and end behind it are on their way, and can't come to an end, when it is put back.
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    record(&server, 3000, &[]);
    wait_until("they are on their way", || {
        postgres.number("audit", "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0
    });
    assert_eq!(client.run("LW.AUDITLOG REPLAY ALL").int(), 1);
    session.run("ROLLBACK");
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 3101);
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log WHERE user_id = 'eve'"), 1);
}

#[test]
fn another_data_set_s_events_are_not_taken_for_those_under_way() {
    let (postgres, server) = pair();
    let other = Server::start();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    record(&server, 500, &[]);
    let theirs = record(&other, 500, &[]);
    wait_until("they are on their way", || {
        postgres.number("audit", "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0
    });
    // The same numbers, but other events, are held from now on.
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
fn an_event_that_somebody_else_s_index_refuses_is_set_aside_and_not_lost() {
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
fn a_trigger_may_raise_what_a_check_does() {
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
fn what_is_raised_by_somebody_is_shown_by_its_code_alone() {
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
    wait_until("it is refused", || client.audit_info("retries_total") > 0);
    assert_eq!(client.audit_text("last_error"), "SQLSTATE LW001");
    assert!(!server.log().contains("4111"), "{}", server.log());
    postgres.sql("audit", "DROP TRIGGER tell ON lockwatch_audit_log");
    client.wait_until_shipped();
}
