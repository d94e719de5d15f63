//! The retention: partitions that are too old are dropped, and nothing else is lost.

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::{Client, Server, wait_until};

/// The time `days` before now, in Unix milliseconds.
fn ago(client: &mut Client, days: u64) -> u64 {
    let now = client.run("TIME").texts()[0].parse::<u64>().unwrap() * 1000;
    now - days * 86_400_000
}

#[test]
fn partitions_beyond_the_retention_are_dropped_and_late_events_are_counted() {
    let (postgres, server) = pair();
    let mut client = server.client();
    for days in [0, 1, 2, 3, 10, 400] {
        let time = ago(&mut client, days);
        client.audit(&format!("USER {days} TIME {time}"));
    }
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 6);
    client.set("audit-retention-days", "2");
    wait_until("the old partitions are dropped", || {
        postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log") == 3
    });
    let tables = postgres
        .number("audit", "SELECT count(*) FROM pg_class WHERE relname ~ '^lockwatch_audit_log_[0-9]{8}$'");
    assert_eq!(tables, 4, "three days and tomorrow");
    let (kept, gone) = (ago(&mut client, 2), ago(&mut client, 3));
    client.audit(&format!("USER kept TIME {kept}"));
    client.audit(&format!("USER gone TIME {gone}"));
    client.wait_until_shipped();
    assert_eq!(client.audit_info("expired_total"), 1);
    assert_eq!(
        postgres
            .number("audit", "SELECT count(*) FROM lockwatch_audit_log WHERE user_id IN ('kept', 'gone')"),
        1
    );
}

#[test]
fn a_partition_that_cannot_be_dropped_blocks_no_event() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER older TIME 1600000000000");
    client.audit("USER old TIME 1700000000000");
    client.audit("USER newer TIME 1750000000000");
    client.wait_until_shipped();
    postgres.sql("audit", "CREATE VIEW seen AS SELECT * FROM lockwatch_audit_log_20231114");
    client.set("audit-retention-days", "1");
    wait_until("the failure is reported", || {
        client.audit_text("last_error").contains("partitions can't be looked after")
    });
    let kept = postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log");
    assert_eq!(kept, [["old"]], "one partition in use keeps no other from being dropped");
    for n in 0..5 {
        client.audit(&format!("USER {n}"));
        client.wait_until_shipped();
    }
    assert_eq!(client.audit_text("state"), "connected");
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 6);
}

#[test]
fn a_partition_of_the_operator_that_also_holds_later_days_is_kept() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER today");
    client.wait_until_shipped();
    // Named for its first day, as partitions of a month usually are.
    let name = "to_char(date_trunc('day', now() AT TIME ZONE 'UTC') - interval '40 days', 'YYYYMMDD')";
    let day = |days: u32| format!("date_trunc('day', now(), 'UTC') - interval '{days} days'");
    postgres.sql(
        "audit",
        &format!(
            "DO $do$ BEGIN EXECUTE format('CREATE TABLE lockwatch_audit_log_%s PARTITION OF lockwatch_audit_log \
             FOR VALUES FROM (%L) TO (%L)', {name}, {}, {}); END $do$",
            day(40),
            day(3)
        ),
    );
    for (user, days) in [("month", 20), ("old", 60)] {
        let time = ago(&mut client, days);
        client.audit(&format!("USER {user} TIME {time}"));
    }
    client.wait_until_shipped();
    client.set("audit-retention-days", "5");
    wait_until("the old partition is dropped", || {
        postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log WHERE user_id = 'old'") == 0
    });
    let kept = postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log ORDER BY user_id");
    assert_eq!(kept, [["month"], ["today"]]);
}

/// A database whose clock is `shift` away from the server's.
fn with_clock(shift: &str) -> Postgres {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    postgres.sql(
        "audit",
        &format!(
            "CREATE SCHEMA shifted; CREATE FUNCTION shifted.now() RETURNS timestamptz LANGUAGE sql \
             AS $$ SELECT pg_catalog.now() + interval '{shift}' $$; \
             ALTER DATABASE audit SET search_path = shifted, pg_catalog"
        ),
    );
    postgres
}

/// Records events of today and of ten days ago, one before the retention is set and one after it,
/// and asserts that all are stored and stay.
fn assert_nothing_is_destroyed(postgres: &Postgres, days_kept: u64) {
    let server = Server::builder().shipping_to(postgres, "audit").start();
    let mut client = server.client();
    let old = ago(&mut client, 10);
    client.audit(&format!("USER dropped TIME {old}"));
    client.wait_until_shipped();
    client.set("ship", "no");
    client.audit(&format!("USER discarded TIME {old}"));
    client.audit("USER now");
    client.set("audit-retention-days", &days_kept.to_string());
    client.set("ship", "yes");
    client.wait_until_shipped();
    // The maintenance comes before the first batch of a new connection.
    assert_eq!(client.audit_info("expired_total"), 0);
    let users = postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log ORDER BY 1");
    assert_eq!(users, [["discarded"], ["dropped"], ["now"]]);
}

#[test]
fn a_clock_of_redis_that_is_ahead_destroys_nothing() {
    assert_nothing_is_destroyed(&with_clock("-40 days"), 5);
}

#[test]
fn a_clock_of_postgres_that_is_ahead_destroys_nothing() {
    assert_nothing_is_destroyed(&with_clock("40 days"), 15);
}

#[test]
fn what_both_clocks_call_too_old_is_discarded() {
    let postgres = with_clock("-2 days");
    let server =
        Server::builder().shipping_to(&postgres, "audit").config("lockwatch.audit-retention-days 5").start();
    let mut client = server.client();
    for days in [6, 8] {
        let time = ago(&mut client, days);
        client.audit(&format!("USER {days} TIME {time}"));
    }
    client.wait_until_shipped();
    assert_eq!(postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log"), [["6"]]);
    assert_eq!(client.audit_info("expired_total"), 1);
}
