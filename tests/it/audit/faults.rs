//! Faults of Postgres and of the network while events are recorded. Afterwards the table has each
//! acknowledged event exactly once.

use std::time::{Duration, Instant};

use super::load::Acknowledged;
use super::{pair, scaled};
use crate::support::postgres::Postgres;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Client, Server, wait_at_most, wait_until};

const CLIENTS: usize = 3;

/// Closes all connections to the database.
pub(super) const CUT_OFF: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit'";

/// How long a fault lasts: long enough for several tries.
fn a_while() -> Duration {
    Duration::from_secs(scaled(2, 60) as u64)
}

/// Records events before, during and after a fault, and asserts that none is lost. `cause` starts
/// the fault and `mend` ends it.
#[track_caller]
fn assert_survives(
    postgres: &mut Postgres,
    server: &Server,
    cause: impl FnOnce(&mut Postgres),
    mend: impl FnOnce(&mut Postgres),
) {
    let acknowledged = Acknowledged::default();
    let mut client = server.client();
    let retries = client.audit_info("retries_total");
    acknowledged.record_during(server.address(), CLIENTS, "load", || {
        acknowledged.wait_for_more(500);
        cause(postgres);
        acknowledged.wait_for_more(500);
        wait_at_most(Duration::from_secs(60), "the fault is noticed", || {
            client.audit_info("retries_total") > retries
        });
        keep_loading(a_while(), &acknowledged, &mut client);
        mend(postgres);
        acknowledged.wait_for_more(500);
    });
    client.wait_until_shipped();
    assert_eq!(client.audit_info("refused_total") + client.audit_info("dead"), 0);
    acknowledged.assert_arrived(postgres, "audit");
}

/// Keeps the load running for `time` and asserts that events are pending at the end.
#[track_caller]
fn keep_loading(time: Duration, acknowledged: &Acknowledged, client: &mut Client) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        acknowledged.wait_for_more(1);
        // Slow enough that the journal does not fill up.
        let next = Instant::now() + Duration::from_millis(100);
        wait_until("the load goes on", || Instant::now() >= next);
    }
    assert!(client.audit_info("pending") > 0, "no event is pending");
}

#[test]
fn no_event_is_lost_while_postgres_is_stopped() {
    let (mut postgres, server) = pair();
    assert_survives(&mut postgres, &server, Postgres::stop, Postgres::start_again);
    wait_until("the log says so", || server.log().contains("Postgres takes audit events again"));
}

/// Stops Postgres for `outage` and returns how many tries failed and how long shipping took to
/// resume after it was up again. Asserts that the log has a handful of lines about it.
fn outage(outage: Duration) -> (i64, Duration) {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.stop();
    let until = Instant::now() + outage;
    client.audit("USER second");
    wait_until("the outage is noticed", || client.audit_text("state") == "waiting");
    wait_until("the outage ends", || Instant::now() >= until);
    let tries = client.audit_info("retries_total");
    postgres.start_again();
    let up = Instant::now();
    client.wait_until_shipped();
    let took = up.elapsed();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 2);
    wait_until("the log says so", || server.log().contains("Postgres takes audit events again"));
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("audit events") || line.contains("partitions"));
    assert!(lines.count() <= 5, "{log}");
    (tries, took)
}

#[test]
fn shipping_resumes_soon_after_a_restart_of_half_a_second() {
    let (_, took) = outage(Duration::from_millis(500));
    // The wait doubles from a tenth of a second, so it is below a second by now, but for a server
    // that takes its time to start.
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn the_wait_between_tries_grows_with_the_outage() {
    let (tries, _) = outage(Duration::from_secs(4));
    // After 0.1, 0.3, 0.7, 1.5 and 3.1 seconds, each a fifth shorter or longer.
    assert!((4..=7).contains(&tries), "{tries} tries in four seconds");
}

#[test]
fn no_event_is_lost_when_postgres_is_killed() {
    let (mut postgres, server) = pair();
    assert_survives(&mut postgres, &server, Postgres::kill, Postgres::start_again);
}

#[test]
fn no_event_is_lost_when_postgres_restarts_repeatedly() {
    let (mut postgres, server) = pair();
    let acknowledged = Acknowledged::default();
    acknowledged.record_during(server.address(), CLIENTS, "load", || {
        for _ in 0..scaled(4, 20) {
            acknowledged.wait_for_more(300);
            postgres.stop();
            postgres.start_again();
        }
    });
    server.client().wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn no_event_is_lost_while_postgres_refuses_connections() {
    let (mut postgres, server) = pair();
    let refuse = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS false");
        postgres.sql("postgres", CUT_OFF);
    };
    let admit = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS true");
    };
    assert_survives(&mut postgres, &server, refuse, admit);
}

#[test]
fn no_event_is_lost_while_the_password_is_wrong() {
    let (mut postgres, server) = pair();
    let change = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER ROLE lw_writer PASSWORD 'other'");
        postgres.sql("postgres", CUT_OFF);
    };
    let change_back = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER ROLE lw_writer PASSWORD 'p@ss/w:rd%'");
    };
    assert_survives(&mut postgres, &server, change, change_back);
    let error = server.client().audit_text("last_error");
    assert_eq!(error, "authentication failed (28P01)");
}

#[test]
fn no_event_is_lost_while_postgres_is_read_only() {
    let (mut postgres, server) = pair();
    let stop = |postgres: &mut Postgres| postgres.configure(&["default_transaction_read_only = on"]);
    let mend = |postgres: &mut Postgres| postgres.configure(&[]);
    assert_survives(&mut postgres, &server, stop, mend);
}

#[test]
fn no_event_is_lost_while_a_permission_is_revoked() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    // A superuser needs no permission, so another role writes from here on.
    postgres.sql("audit", "CREATE ROLE somebody LOGIN PASSWORD 'p@ss/w:rd%'");
    postgres.sql("audit", "GRANT ALL ON ALL TABLES IN SCHEMA public TO somebody");
    let url = postgres.url("audit").replace("lw_writer", "somebody");
    // The role may not create partitions either, but those of today and tomorrow exist.
    client.set("postgres-url-file", &postgres.file_with(&url));
    let take = |postgres: &mut Postgres| {
        postgres.alter("audit", "REVOKE INSERT ON lockwatch_audit_log FROM somebody");
    };
    let give = |postgres: &mut Postgres| {
        postgres.alter("audit", "GRANT INSERT ON lockwatch_audit_log TO somebody");
    };
    assert_survives(&mut postgres, &server, take, give);
    assert!(
        server.client().audit_text("last_error").contains("permission denied"),
        "SQLSTATE 42501 is not the fault of an event"
    );
}

#[test]
fn no_event_is_lost_while_a_column_is_missing() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    let rename = |postgres: &mut Postgres| {
        postgres.alter("audit", "ALTER TABLE lockwatch_audit_log RENAME COLUMN method TO verb");
    };
    let rename_back = |postgres: &mut Postgres| {
        postgres.alter("audit", "ALTER TABLE lockwatch_audit_log RENAME COLUMN verb TO method");
    };
    assert_survives(&mut postgres, &server, rename, rename_back);
}

#[test]
fn no_event_is_lost_while_the_table_is_locked() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    let acknowledged = Acknowledged::default();
    acknowledged.record_during(server.address(), CLIENTS, "load", || {
        acknowledged.wait_for_more(500);
        let mut session = postgres.session("audit");
        session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
        acknowledged.wait_for_more(500);
        keep_loading(a_while(), &acknowledged, &mut client);
        session.run("ROLLBACK");
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn no_event_is_lost_while_postgres_reports_a_full_disk() {
    // A trigger raises the error that Postgres reports when its disk is full.
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    let fill = |postgres: &mut Postgres| {
        postgres.alter(
            "audit",
            "CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \
             'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; \
             CREATE TRIGGER disk_is_full BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION disk_is_full()",
        );
    };
    let mend = |postgres: &mut Postgres| {
        postgres.alter("audit", "DROP TRIGGER disk_is_full ON lockwatch_audit_log");
    };
    assert_survives(&mut postgres, &server, fill, mend);
    assert!(server.client().audit_text("last_error").contains("53100"));
}

#[test]
fn no_event_is_lost_when_the_network_drops_all_traffic() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let proxy = Proxy::to(postgres.address());
    let url = postgres.url_at(proxy.address(), "audit");
    let server = Server::builder().shipping_to_url(&postgres, &url).start();
    let mut client = server.client();
    let acknowledged = Acknowledged::default();
    acknowledged.record_during(server.address(), CLIENTS, "load", || {
        acknowledged.wait_for_more(1000);
        proxy.set(Way::Cut);
        acknowledged.wait_for_more(500);
        // A maintenance statement may be running, which has its own timeout and does not count as a
        // retry.
        wait_at_most(Duration::from_secs(150), "the connection is given up", || {
            client.audit_info("retries_total") > 0
        });
        // The open connection gives the first error, a new connection the second. The third comes
        // from the statement after a maintenance statement that timed out and ended the connection.
        let error = client.audit_text("last_error");
        let expected = ["no answer in time", "connecting took too long", "the connection is closed"];
        assert!(expected.contains(&error.as_str()), "{error}");
        let accepted = proxy.accepted();
        wait_at_most(Duration::from_secs(60), "another connection is tried", || proxy.accepted() > accepted);
        proxy.set(Way::Open);
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn no_event_is_lost_when_connections_are_closed_repeatedly() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let proxy = Proxy::to(postgres.address());
    let url = postgres.url_at(proxy.address(), "audit");
    let server = Server::builder().shipping_to_url(&postgres, &url).start();
    let mut client = server.client();
    let acknowledged = Acknowledged::default();
    acknowledged.record_during(server.address(), CLIENTS, "load", || {
        for _ in 0..scaled(10, 100) {
            proxy.set(Way::Closed);
            proxy.set(Way::Open);
            let batches = client.audit_info("batches_total");
            wait_until("batches are shipped again", || {
                acknowledged.wait_for_more(1);
                client.audit_info("batches_total") > batches
            });
        }
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn a_database_that_is_created_later_gets_the_pending_events() {
    let postgres = Postgres::start();
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    client.audit("USER a");
    wait_until("two tries have failed", || client.audit_info("retries_total") > 1);
    assert_eq!(client.audit_text("state"), "waiting");
    assert!(
        client.audit_text("last_error").contains("does not exist"),
        "{}",
        client.audit_text("last_error")
    );
    postgres.create_database("audit");
    client.wait_until_shipped();
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 1);
}

#[test]
fn after_a_change_of_the_url_the_new_database_gets_the_later_events() {
    let (postgres, server) = pair();
    postgres.create_database("other");
    let acknowledged = [Acknowledged::default(), Acknowledged::default()];
    let mut client = server.client();
    acknowledged[0].record_during(server.address(), CLIENTS, "one", || acknowledged[0].wait_for_more(2000));
    client.wait_until_shipped();
    acknowledged[1].record_during(server.address(), CLIENTS, "two", || {
        acknowledged[1].wait_for_more(500);
        client.set("postgres-url-file", &postgres.url_file("other"));
        acknowledged[1].wait_for_more(500);
    });
    client.wait_until_shipped();
    acknowledged[0].assert_arrived(&postgres, "audit");
    // Each event of the second load is in one database. Events in flight during the change may be
    // in both, once each.
    let ids = |database: &str| {
        postgres.sql(database, "SELECT event_id(l) FROM lockwatch_audit_log l WHERE user_id LIKE 'two%'")
    };
    let (one, other) = (ids("audit"), ids("other"));
    let mut all: Vec<_> = one.iter().chain(&other).map(|row| row[0].clone()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), acknowledged[1].count());
    let both = one.len() + other.len() - all.len();
    assert!(both <= 2000, "{both} events are in both databases, but at most two batches may be in flight");
}

#[test]
fn a_lag_raises_one_alert() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    client.set("audit-lag-alert", "1");
    postgres.stop();
    client.audit("USER b");
    wait_until("the alert is raised", || {
        client.info("lockwatch").number("lockwatch_alert_raised_total") == 1
    });
    let alerts = client.run("LW.ALERTS LIST");
    assert_eq!(alerts.items()[0].field("type").text(), "audit.lag");
    wait_until("the lag grows", || client.audit_info("lag_ms") > 2500);
    assert_eq!(client.info("lockwatch").number("lockwatch_alert_raised_total"), 1);
    postgres.start_again();
    client.wait_until_shipped();
    assert_eq!(client.audit_info("lag_ms"), 0);
}
