//! Who is at fault if Postgres refuses rows: the rows, which become dead letters, or the database,
//! for which everything waits.

use super::pair;
use super::poison::{CHECK, UNCHECK, record};
use crate::support::postgres::Postgres;
use crate::support::{Client, Server, wait_until};

const COUNT: &str = "SELECT count(*) FROM lockwatch_audit_log";

/// Refuses every row.
const TRIGGER: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    RAISE EXCEPTION 'the audit table of acme is broken'; END $$; \
    CREATE TRIGGER refuse BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION refuse()";
const NO_TRIGGER: &str = "DROP TRIGGER refuse ON lockwatch_audit_log";

#[track_caller]
fn alerts_of(client: &mut Client, kind: &str) -> usize {
    client.waiting().iter().filter(|alert| alert.kind == kind).count()
}

/// Asserts that events wait, that nothing becomes a dead letter, and that all are stored after
/// `repair`.
#[track_caller]
fn assert_waits(postgres: &Postgres, server: &Server, repair: &str) {
    let mut client = server.client();
    let stored = postgres.number("audit", COUNT);
    record(server, 1200, &[3, 500]);
    let retries = client.audit_info("retries_total");
    wait_until("three tries have failed", || client.audit_info("retries_total") >= retries + 3);
    assert_eq!(client.audit_text("state"), "waiting");
    let error = client.audit_text("last_error");
    assert!(error.starts_with("the database refuses every event: "), "{error}");
    assert!(!error.contains("acme") && !error.contains("lockwatch_audit_log"), "{error}");
    for name in ["dead", "dead_total", "dropped_total"] {
        assert_eq!(client.audit_info(name), 0, "{name}: {error}");
    }
    assert!(client.audit_info("pending") >= 1200);
    assert_eq!(alerts_of(&mut client, "audit.refused"), 1, "one alert in a while");
    let lines = server.log().matches("audit events wait for Postgres").count();
    assert!((1..=2).contains(&lines), "{}", server.log());
    postgres.sql("audit", repair);
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", COUNT), stored + 1200);
    assert_eq!(client.audit_info("dead_total"), 0);
}

fn with_an_event() -> (Postgres, Server) {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    (postgres, server)
}

#[test]
fn a_new_column_that_must_not_be_null_makes_events_wait() {
    let (postgres, server) = with_an_event();
    postgres.sql(
        "audit",
        "ALTER TABLE lockwatch_audit_log ADD COLUMN tenant text; UPDATE lockwatch_audit_log SET tenant = 'acme'; \
         ALTER TABLE lockwatch_audit_log ALTER COLUMN tenant SET NOT NULL",
    );
    assert_waits(&postgres, &server, "ALTER TABLE lockwatch_audit_log ALTER COLUMN tenant DROP NOT NULL");
}

#[test]
fn a_detached_partition_of_today_makes_events_wait() {
    let (postgres, server) = with_an_event();
    let bounds = "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class \
                  WHERE oid = (SELECT tableoid FROM lockwatch_audit_log)";
    let row = postgres.sql("audit", bounds).remove(0);
    postgres.sql("audit", &format!("ALTER TABLE lockwatch_audit_log DETACH PARTITION {}", row[0]));
    postgres.sql("audit", &format!("TRUNCATE {}", row[0]));
    let attach = format!("ALTER TABLE lockwatch_audit_log ATTACH PARTITION {} {}", row[0], row[1]);
    assert_waits(&postgres, &server, &attach);
}

#[test]
fn a_trigger_that_always_fails_makes_events_wait() {
    let (postgres, server) = with_an_event();
    postgres.sql("audit", TRIGGER);
    assert_waits(&postgres, &server, NO_TRIGGER);
}

#[test]
fn a_trigger_that_always_fails_makes_the_first_events_of_a_database_wait() {
    let (postgres, server) = pair();
    wait_until("the table is there", || postgres.try_sql("audit", COUNT).is_ok());
    postgres.sql("audit", TRIGGER);
    assert_waits(&postgres, &server, NO_TRIGGER);
}

#[test]
fn after_a_restart_the_newest_row_of_the_table_is_the_canary() {
    let (postgres, mut server) = with_an_event();
    postgres.sql("audit", "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT no_path CHECK (endpoint IS NULL)");
    server.stop();
    server.start_again();
    // The plausible row that is tried for an empty table would be refused.
    let mut client = server.client();
    client.audit("USER eve ENDPOINT /a");
    client.wait_until_shipped();
    assert_eq!(client.dead_events().len(), 1);
    postgres.sql("audit", TRIGGER);
    assert_waits_after_dead(&postgres, &server);
}

#[track_caller]
fn assert_waits_after_dead(postgres: &Postgres, server: &Server) {
    let mut client = server.client();
    client.audit("USER a");
    let retries = client.audit_info("retries_total");
    wait_until("two tries have failed", || client.audit_info("retries_total") >= retries + 2);
    assert_eq!(client.audit_info("dead_total"), 1);
    postgres.sql("audit", NO_TRIGGER);
    client.wait_until_shipped();
    assert_eq!(client.audit_info("dead_total"), 1);
}

#[test]
fn a_refused_row_that_is_alone_becomes_a_dead_letter_at_once() {
    let (postgres, server) = pair();
    let mut client = server.client();
    wait_until("the table is there", || postgres.try_sql("audit", COUNT).is_ok());
    postgres.sql("audit", CHECK);
    for dead in 1..=2 {
        client.audit("USER eve");
        client.wait_until_shipped();
        assert_eq!(client.audit_info("dead"), dead);
        // The first time nothing was accepted before.
        client.audit("USER bob");
        client.wait_until_shipped();
    }
    assert_eq!(client.audit_info("retries_total"), 0);
    assert_eq!(alerts_of(&mut client, "audit.refused"), 0);
    assert_eq!(postgres.number("audit", COUNT), 2);
}

#[test]
fn an_accepted_row_that_would_be_refused_now_is_outvoted_by_the_rows_that_wait() {
    let (postgres, server) = with_an_event();
    postgres.sql(
        "audit",
        "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT two CHECK (user_id NOT IN ('first', 'eve')) NOT VALID",
    );
    record(&server, 100, &[0, 50]);
    let mut client = server.client();
    client.wait_until_shipped();
    assert_eq!(client.audit_info("dead"), 2);
    assert_eq!(postgres.number("audit", COUNT), 99);
    assert_eq!(client.audit_info("retries_total"), 0);
}

#[test]
fn full_dead_letters_make_events_wait_until_they_are_replayed() {
    let (postgres, server) = with_an_event();
    let mut client = server.client();
    postgres.sql("audit", CHECK);
    record(&server, 1300, &(0..1200).collect::<Vec<_>>());
    wait_until("the dead letters are full", || client.audit_info("dead") == 1000);
    wait_until("shipping waits", || client.audit_text("state") == "waiting");
    let error = client.audit_text("last_error");
    assert!(error.contains("LW.AUDITLOG REPLAY or DISCARD"), "{error}");
    assert_eq!(client.audit_info("pending"), 200, "the rows that are not refused are stored");
    assert_eq!(client.audit_info("dropped_total"), 0);
    wait_until("the alert is raised", || alerts_of(&mut client, "audit.dead") == 1);
    wait_until("the log says so", || server.log().contains("the dead letters are full"));
    // Room makes it go on by itself, and full dead letters stop it again.
    assert_eq!(client.run(&format!("LW.AUDITLOG DISCARD {}", client_dead_id(&mut server.client()))).int(), 1);
    wait_until("one more is dead", || client.audit_info("dead_total") == 1001);
    assert_eq!((client.audit_info("dead"), client.audit_info("pending")), (1000, 199));
    postgres.sql("audit", UNCHECK);
    assert_eq!(client.run("LW.AUDITLOG REPLAY ALL").int(), 1000);
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", COUNT), 1300);
    assert_eq!((client.audit_text("state"), client.audit_info("dead")), ("connected".into(), 0));
    wait_until("the log says that it goes on", || server.log().contains("Postgres takes audit events again"));
}

fn client_dead_id(client: &mut Client) -> String {
    client.dead_events()[0].event.id.clone()
}

#[test]
fn a_slow_trigger_is_met_with_smaller_statements() {
    let (postgres, server) = with_an_event();
    // Postgres cancels a statement of more than ten such rows.
    postgres.sql(
        "audit",
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF (SELECT count(*) FROM seen) >= 10 THEN RAISE EXCEPTION 'canceling' USING ERRCODE = '57014'; END IF; \
         INSERT INTO seen VALUES (1); RETURN NEW; END $$; \
         CREATE TABLE seen (n int); \
         CREATE FUNCTION fresh() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM seen; RETURN NULL; END $$; \
         CREATE TRIGGER fresh BEFORE INSERT ON lockwatch_audit_log FOR EACH STATEMENT EXECUTE FUNCTION fresh(); \
         CREATE TRIGGER slow BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    record(&server, 300, &[]);
    let mut client = server.client();
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", COUNT), 301);
    assert_eq!((client.audit_info("dead_total"), client.audit_info("retries_total")), (0, 0));
}

#[test]
fn a_day_whose_partition_cannot_be_made_holds_up_no_other_day() {
    let (postgres, server) = with_an_event();
    postgres.sql("audit", "CREATE ROLE writer LOGIN PASSWORD 'p@ss/w:rd%'");
    postgres.sql(
        "audit",
        "GRANT SELECT, INSERT ON lockwatch_audit_log TO writer; GRANT SELECT ON lockwatch_schema TO writer",
    );
    let url = postgres.url("audit").replace("lw_writer", "writer");
    let mut client = server.client();
    client.set("postgres-url-file", &postgres.file_with(&url));
    let old = client.audit("USER old TIME 1700000000000");
    client.audit("USER now");
    client.wait_until_shipped();
    let dead = client.dead_events();
    assert_eq!((dead.len(), &dead[0].event.id), (1, &old));
    assert!(
        dead[0].reason.contains("no partition") && dead[0].reason.contains("42501"),
        "{}",
        dead[0].reason
    );
    assert_eq!(postgres.number("audit", COUNT), 2);
}
