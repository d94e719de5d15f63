//! Whatever happens to Postgres while events are recorded: afterwards the table has each acknowledged one exactly once.

use std::time::{Duration, Instant};

use super::load::Acknowledged;
use super::{pair, scaled};
use crate::support::postgres::Postgres;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Client, Server, wait_at_most, wait_until};

const CLIENTS: usize = 3;

/// Whoever is connected has to connect again.
const CUT_OFF: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit'";

/// How long a fault lasts: long enough for several tries.
fn a_while() -> Duration {
    Duration::from_secs(scaled(2, 60) as u64)
}

/// Records events before, during and after a fault that `cause` causes and `mend` mends.
#[track_caller]
fn survives(
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
        lasts(a_while(), &acknowledged, &mut client);
        mend(postgres);
        acknowledged.wait_for_more(500);
    });
    client.wait_until_shipped();
    assert_eq!(client.audit_info("refused_total") + client.audit_info("dead"), 0);
    acknowledged.assert_arrived(postgres, "audit");
}

/// For so long it goes on, under load.
#[track_caller]
fn lasts(time: Duration, acknowledged: &Acknowledged, client: &mut Client) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        acknowledged.wait_for_more(1);
        // At a pace at which the journal holds all of it.
        let next = Instant::now() + Duration::from_millis(100);
        wait_until("the load goes on", || Instant::now() >= next);
    }
    assert!(client.audit_info("pending") > 0, "nothing waited");
}

#[test]
fn postgres_is_stopped_for_a_while() {
    let (mut postgres, server) = pair();
    survives(&mut postgres, &server, Postgres::stop, Postgres::start_again);
    assert!(server.log().contains("Postgres takes audit events again"), "{}", server.log());
}

#[test]
fn postgres_is_killed() {
    let (mut postgres, server) = pair();
    survives(&mut postgres, &server, Postgres::kill, Postgres::start_again);
}

#[test]
fn postgres_is_restarted_again_and_again() {
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
fn postgres_refuses_connections() {
    let (mut postgres, server) = pair();
    let refuse = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS false");
        postgres.sql("postgres", CUT_OFF);
    };
    let admit = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS true");
    };
    survives(&mut postgres, &server, refuse, admit);
}

#[test]
fn postgres_has_another_password() {
    let (mut postgres, server) = pair();
    let change = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER ROLE lw_writer PASSWORD 'other'");
        postgres.sql("postgres", CUT_OFF);
    };
    let change_back = |postgres: &mut Postgres| {
        postgres.sql("postgres", "ALTER ROLE lw_writer PASSWORD 'p@ss/w:rd%'");
    };
    survives(&mut postgres, &server, change, change_back);
    let error = server.client().audit_text("last_error");
    assert_eq!(error, "authentication failed (28P01)");
}

#[test]
fn postgres_takes_no_writes() {
    let (mut postgres, server) = pair();
    let stop = |postgres: &mut Postgres| postgres.configure(&["default_transaction_read_only = on"]);
    let mend = |postgres: &mut Postgres| postgres.configure(&[]);
    survives(&mut postgres, &server, stop, mend);
}

#[test]
fn a_permission_is_taken_away() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    // A superuser needs none: from now on it is somebody else who writes.
    postgres.sql("audit", "CREATE ROLE somebody LOGIN PASSWORD 'p@ss/w:rd%'");
    postgres.sql("audit", "GRANT ALL ON ALL TABLES IN SCHEMA public TO somebody");
    let url = postgres.url("audit").replace("lw_writer", "somebody");
    // Nor may somebody make partitions: today's and tomorrow's are there.
    client.set("postgres-url-file", &postgres.file_with(&url));
    let take = |postgres: &mut Postgres| {
        postgres.sql("audit", "REVOKE INSERT ON lockwatch_audit_log FROM somebody");
    };
    let give = |postgres: &mut Postgres| {
        postgres.sql("audit", "GRANT INSERT ON lockwatch_audit_log TO somebody");
    };
    survives(&mut postgres, &server, take, give);
    assert!(server.client().audit_text("last_error").contains("permission denied"), "42501 is no poison");
}

#[test]
fn somebody_drops_a_column() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    let rename = |postgres: &mut Postgres| {
        postgres.sql("audit", "ALTER TABLE lockwatch_audit_log RENAME COLUMN method TO verb");
    };
    let rename_back = |postgres: &mut Postgres| {
        postgres.sql("audit", "ALTER TABLE lockwatch_audit_log RENAME COLUMN verb TO method");
    };
    survives(&mut postgres, &server, rename, rename_back);
}

#[test]
fn a_lock_is_held_on_the_table() {
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
        lasts(a_while(), &acknowledged, &mut client);
        session.run("ROLLBACK");
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn postgres_says_that_the_disk_is_full() {
    // It says so as it does when it is: filling a disk for a test is left to others.
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("ANOMALY");
    client.wait_until_shipped();
    let fill = |postgres: &mut Postgres| {
        postgres.sql(
            "audit",
            "CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \
             'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; \
             CREATE TRIGGER disk_is_full BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE FUNCTION disk_is_full()",
        );
    };
    let mend = |postgres: &mut Postgres| {
        postgres.sql("audit", "DROP TRIGGER disk_is_full ON lockwatch_audit_log");
    };
    survives(&mut postgres, &server, fill, mend);
    assert!(server.client().audit_text("last_error").contains("53100"));
}

#[test]
fn the_network_is_cut_and_nobody_is_told() {
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
        // A statement of the upkeep may have been under way, which has its own time and is not counted.
        wait_at_most(Duration::from_secs(150), "the link is given up", || {
            client.audit_info("retries_total") > 0
        });
        // The first on the link that was open, the other on the next one.
        let error = client.audit_text("last_error");
        assert!(["no answer in time", "connecting took too long"].contains(&error.as_str()), "{error}");
        let accepted = proxy.accepted();
        wait_at_most(Duration::from_secs(60), "another one is tried", || proxy.accepted() > accepted);
        proxy.set(Way::Open);
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn connections_are_cut_off_all_the_time() {
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
            wait_until("it ships again", || {
                acknowledged.wait_for_more(1);
                client.audit_info("batches_total") > batches
            });
        }
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn a_database_that_comes_later_is_waited_for() {
    let postgres = Postgres::start();
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    client.audit("USER a");
    wait_until("it is tried", || client.audit_info("retries_total") > 1);
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
fn another_database_gets_what_comes_then() {
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
    // Of the second load each is in one of them; what was under way meanwhile may be in both, once each.
    let ids = |database: &str| {
        postgres.sql(database, "SELECT event_id(l) FROM lockwatch_audit_log l WHERE user_id LIKE 'two%'")
    };
    let (one, other) = (ids("audit"), ids("other"));
    let mut all: Vec<_> = one.iter().chain(&other).map(|row| row[0].clone()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), acknowledged[1].count());
    let both = one.len() + other.len() - all.len();
    assert!(both <= 2000, "{both} events are in both databases: no more than two batches may be under way");
}

#[test]
fn a_lag_raises_an_alert_once() {
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
    wait_until("it goes on", || client.audit_info("lag_ms") > 2500);
    assert_eq!(client.info("lockwatch").number("lockwatch_alert_raised_total"), 1);
    postgres.start_again();
    client.wait_until_shipped();
    assert_eq!(client.audit_info("lag_ms"), 0);
}
