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
