//! The partitions: created as needed, those of others used, and any number of them.

use super::{pair, scaled};
use crate::support::postgres::Postgres;
use crate::support::{Server, wait_at_most, wait_until};

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
fn a_default_partition_that_has_rows_of_a_day_takes_that_day_s_events() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first TIME 1700000000000");
    client.wait_until_shipped();
    // The operator adds a DEFAULT partition, which gets rows of a day without a partition.
    postgres.sql(
        "audit",
        "CREATE TABLE others PARTITION OF lockwatch_audit_log DEFAULT; \
         INSERT INTO lockwatch_audit_log (timestamp, kind, rate_limit_hit, anomaly_detected, epoch, seq) \
         VALUES (to_timestamp(1600000000), 'request', false, false, 1, 1)",
    );
    let second = client.audit("USER second TIME 1600000000001");
    client.audit("USER third TIME 1650000000000");
    client.audit("USER now");
    client.wait_until_shipped();
    let stored = postgres.sql(
        "audit",
        "SELECT event_id(l), tableoid::regclass FROM lockwatch_audit_log l WHERE user_id = 'second'",
    );
    assert_eq!(stored, [[second.as_str(), "others"]]);
    assert_eq!(
        postgres.number("audit", "SELECT count(*) FROM others"),
        2,
        "other days have their own partition"
    );
    assert_eq!((client.audit_info("dead"), client.audit_text("state").as_str()), (0, "connected"));
    let warnings = || server.log().matches("go to the DEFAULT partition of lockwatch_audit_log").count();
    wait_until("the log says so", || warnings() == 1);
    assert!(client.audit_text("last_error").contains("2020-09-13"), "{}", client.audit_text("last_error"));
    // Once, even if there is more for that day, over another connection.
    postgres.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit' AND pid <> pg_backend_pid()");
    client.audit("USER fourth TIME 1600000000002");
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM others"), 3);
    assert_eq!(warnings(), 1, "{}", server.log());
    // The remedy that the log names.
    postgres.sql(
        "audit",
        "BEGIN; ALTER TABLE lockwatch_audit_log DETACH PARTITION others; \
         CREATE TABLE lockwatch_audit_log_20200913 PARTITION OF lockwatch_audit_log \
         FOR VALUES FROM ('2020-09-13 00:00+00') TO ('2020-09-14 00:00+00'); \
         WITH moved AS (DELETE FROM others WHERE timestamp >= '2020-09-13 00:00+00' AND timestamp < '2020-09-14 00:00+00' RETURNING *) \
         INSERT INTO lockwatch_audit_log SELECT * FROM moved; \
         ALTER TABLE lockwatch_audit_log ATTACH PARTITION others DEFAULT; COMMIT",
    );
    client.audit("USER fifth TIME 1600000000003");
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log_20200913"), 4);
}

/// A Postgres in which a transaction can lock the tables and indexes of few partitions.
fn with_few_locks() -> Postgres {
    let postgres =
        Postgres::builder().config("max_locks_per_transaction = 10").config("max_connections = 20").start();
    postgres.create_database("audit");
    postgres
}

#[test]
fn a_log_of_thousands_of_days_is_shipped_queried_and_cut() {
    let postgres = with_few_locks();
    let server =
        Server::builder().shipping_to(&postgres, "audit").config("lockwatch.audit-batch 10000").start();
    let mut client = server.client();
    let days = scaled(700, 2100);
    let time = |day: usize| 1_300_000_000_000 + day as u64 * 86_400_000;
    client.set("ship", "no");
    // In an order that puts many days into each batch.
    let calls: Vec<_> = (0..days)
        .map(|n| n * 1009 % days)
        .map(|day| {
            ["LW.AUDIT".to_owned(), "USER".into(), day.to_string(), "TIME".into(), time(day).to_string()]
        })
        .collect();
    assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
    client.set("ship", "yes");
    wait_at_most(std::time::Duration::from_secs(240), "all days are shipped", || {
        client.audit_info("pending") == 0
    });
    assert_eq!(client.audit_text("last_error"), "");
    assert_eq!(
        postgres.number(
            "audit",
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'lockwatch_audit_log'::regclass"
        ) as usize,
        days + 2
    );
    // Pages walk all partitions, newest first.
    let users = |events: Vec<crate::support::audits::Event>| {
        events.into_iter().map(|event| event.user_id.unwrap().parse::<usize>().unwrap()).collect::<Vec<_>>()
    };
    let first = client.audit_log("COUNT 300");
    let last = first.last().unwrap().id.clone();
    let descending = |from: usize, to: usize| (to..from).rev().collect::<Vec<_>>();
    assert_eq!(users(first), descending(days, days - 300));
    assert_eq!(
        users(client.audit_log(&format!("COUNT 300 BEFORE {last}"))),
        descending(days - 300, days - 600)
    );
    assert_eq!(users(client.audit_log("USER 7")), [7]);
    let (from, to) = (time(100), time(150));
    assert_eq!(users(client.audit_log(&format!("FROM {from} TO {to}"))), descending(151, 100));
    // While the retention drops them, events are shipped.
    let tables = || {
        postgres
            .number("audit", "SELECT count(*) FROM pg_class WHERE relname ~ '^lockwatch_audit_log_[0-9]{8}$'")
            as usize
    };
    client.set("audit-retention-days", "1");
    wait_until("the first partitions are dropped", || tables() < days);
    client.audit("USER meanwhile");
    client.wait_until_shipped();
    let left = tables();
    assert!(left > days / 2, "{left} partitions were left when an event was shipped");
    wait_until("the others follow", || tables() + 50 < left);
    assert_eq!(client.audit_text("last_error"), "");
}
