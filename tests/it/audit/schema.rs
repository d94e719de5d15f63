//! The schema: created once, refused if it is too new, with partitions created and dropped as
//! needed.

use std::thread;

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::{Client, Server, wait_until};

#[test]
fn ten_servers_create_the_schema_of_an_empty_database_once() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let servers: Vec<Server> = thread::scope(|scope| {
        let start = || Server::builder().shipping_to(&postgres, "audit").start();
        let starting: Vec<_> = (0..10).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    });
    for server in &servers {
        server.client().audit("USER a");
    }
    for server in &servers {
        let mut client = server.client();
        client.wait_until_shipped();
        let retries = client.audit_info("retries_total");
        assert_eq!(retries, 0, "{}", client.audit_text("last_error"));
    }
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 10);
    assert_eq!(postgres.sql("audit", "SELECT version FROM lockwatch_schema"), [["1"]]);
    assert!(
        !postgres.log().contains("ERROR:  relation \"lockwatch_audit_log\" already exists"),
        "{}",
        postgres.log()
    );
}

#[test]
fn a_newer_schema_is_refused_and_events_stay_pending() {
    let (postgres, server) = pair();
    server.client().audit("USER a");
    server.client().wait_until_shipped();
    drop(server);
    postgres.sql("audit", "INSERT INTO lockwatch_schema (version) VALUES (2)");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    client.audit("USER b");
    wait_until("the schema is refused", || client.audit_info("retries_total") > 0);
    let error = client.audit_text("last_error");
    assert!(error.contains("version 2") && error.contains("upgrade lockwatch"), "{error}");
    assert!(server.log().contains("upgrade lockwatch"));
    assert_eq!(client.audit_info("pending"), 1);
    postgres.sql("audit", "DELETE FROM lockwatch_schema WHERE version = 2");
    client.wait_until_shipped();
}

#[test]
fn a_user_without_create_rights_can_use_existing_tables() {
    let (postgres, server) = pair();
    server.client().audit("USER a");
    server.client().wait_until_shipped();
    drop(server);
    postgres.sql("audit", "CREATE ROLE writer LOGIN PASSWORD 'p@ss/w:rd%'");
    postgres.sql(
        "audit",
        "GRANT SELECT, INSERT ON lockwatch_audit_log TO writer; GRANT SELECT ON lockwatch_schema TO writer",
    );
    let url = postgres.url("audit").replace("lw_writer", "writer");
    let server = Server::builder().shipping_to_url(&postgres, &url).start();
    let mut client = server.client();
    client.audit("USER b");
    client.wait_until_shipped();
    assert_eq!(client.audit_info("retries_total"), 0, "{}", client.audit_text("last_error"));
    assert_eq!(client.audit_log("").len(), 2);
}

#[test]
fn partitions_are_created_ahead_and_for_the_day_of_any_event() {
    let (postgres, server) = pair();
    let partitions = || {
        let sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'lockwatch_audit_log'::regclass ORDER BY 1";
        let rows = postgres.try_sql("audit", sql).unwrap_or_default();
        rows.into_iter().map(|mut row| row.remove(0)).collect::<Vec<_>>()
    };
    // Without any event there are partitions for today and tomorrow.
    wait_until("there are two partitions", || partitions().len() == 2);
    let mut client = server.client();
    for (time, day) in
        [(946_684_800_000_u64, "20000101"), (1_709_251_199_999, "20240229"), (1_709_251_200_000, "20240301")]
    {
        client.audit(&format!("USER {day} TIME {time}"));
    }
    client.wait_until_shipped();
    let rows = postgres.sql("audit", "SELECT tableoid::regclass, user_id FROM lockwatch_audit_log");
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row[0] == format!("lockwatch_audit_log_{}", row[1])), "{rows:?}");
    assert_eq!(partitions().len(), 5);
}

#[test]
fn a_dropped_partition_is_created_again() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    let today = postgres.sql("audit", "SELECT tableoid::regclass FROM lockwatch_audit_log")[0][0].clone();
    postgres.sql("audit", &format!("DROP TABLE {today}"));
    client.audit("USER b");
    client.wait_until_shipped();
    assert_eq!(postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log"), [["b"]]);
    assert_eq!(client.audit_info("dead"), 0, "a missing partition is not the fault of an event");
}

#[test]
fn partitions_that_others_created_are_used() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "CREATE TABLE whole_year PARTITION OF lockwatch_audit_log FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00')",
    );
    client.audit("USER b TIME 1590000000000");
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM whole_year"), 1);
    assert_eq!(client.audit_info("retries_total"), 0, "{}", client.audit_text("last_error"));
}

#[test]
fn partitions_beyond_the_retention_are_dropped_and_late_events_are_counted() {
    let (postgres, server) = pair();
    let mut client = server.client();
    let day = |ago: u64, client: &mut Client| {
        let now = client.run("TIME").texts()[0].parse::<u64>().unwrap() * 1000;
        now - ago * 86_400_000
    };
    for ago in [0, 1, 2, 3, 10, 400] {
        let time = day(ago, &mut client);
        client.audit(&format!("USER {ago} TIME {time}"));
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
    let (kept, gone) = (day(2, &mut client), day(3, &mut client));
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
fn a_detached_partition_does_not_block_the_events_of_other_days() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER old TIME 1700000000000");
    client.wait_until_shipped();
    postgres.sql("audit", "ALTER TABLE lockwatch_audit_log DETACH PARTITION lockwatch_audit_log_20231114");
    let late = client.audit("USER late TIME 1700000000000");
    client.audit("USER now");
    client.wait_until_shipped();
    assert_eq!(postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log"), [["now"]]);
    let dead = client.dead_events();
    assert_eq!((dead.len(), &dead[0].event.id), (1, &late));
    assert!(dead[0].reason.starts_with("23514 no partition"), "{}", dead[0].reason);
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log_20231114"), 1);
}

#[test]
fn a_partition_that_cannot_be_dropped_blocks_no_event() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER old TIME 1700000000000");
    client.wait_until_shipped();
    postgres.sql("audit", "CREATE VIEW seen AS SELECT * FROM lockwatch_audit_log_20231114");
    client.set("audit-retention-days", "1");
    wait_until("the failure is reported", || {
        client.audit_text("last_error").contains("partitions can't be looked after")
    });
    for n in 0..5 {
        client.audit(&format!("USER {n}"));
        client.wait_until_shipped();
    }
    assert_eq!(client.audit_text("state"), "connected");
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 6);
}
