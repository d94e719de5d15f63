//! Shipping of events: completeness, delay, batches, and different kinds of connections.

use std::time::{Duration, Instant};

use super::pair;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Postgres, USER};
use crate::support::{Server, wait_until};

#[test]
fn a_row_has_all_fields_of_its_event() {
    let (postgres, server) = pair();
    let mut client = server.client();
    let id = client.audit(
        "KIND login USER alice IP 2001:db8::1 METHOD POST ENDPOINT /v1/a STATUS 429 LIMITED ANOMALY LATENCY 0.0005 TIME 1700000000123 DATA {\"a\":[1,null]}",
    );
    client.audit("USER bob");
    client.wait_until_shipped();
    let info = client.info("lockwatch_audit");
    let (durations, batches) =
        (info.text("lockwatch_audit_ship_ms"), info.text("lockwatch_audit_batches_total"));
    assert!(durations.starts_with(&format!("count={batches},sum=")), "{durations}");
    assert!(durations.ends_with(&format!(",le_inf={batches}")) && batches != "0", "{durations}");
    let rows = postgres.sql(
        "audit",
        "SELECT event_id(l), timestamp, kind, user_id, ip, endpoint, method, status_code, rate_limit_hit, \
         anomaly_detected, latency_ms, data FROM lockwatch_audit_log l ORDER BY timestamp",
    );
    let expected = [
        &*id,
        "2023-11-14 22:13:20.123+00",
        "login",
        "alice",
        "2001:db8::1",
        "/v1/a",
        "POST",
        "429",
        "t",
        "t",
        "0.5",
        "{\"a\": [1, null]}",
    ];
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1][2..], ["request", "bob", "", "", "", "", "f", "f", "", ""]);
}

#[test]
fn an_event_is_shipped_within_five_seconds() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    let began = Instant::now();
    client.audit("USER second");
    client.wait_until_shipped();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 2);
}

#[test]
fn many_events_are_shipped_in_batches() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.set("audit-batch", "50");
    let calls: Vec<Vec<String>> = (0..1000)
        .map(|n| ["LW.AUDIT", "USER", &n.to_string()].iter().map(|word| (*word).to_owned()).collect())
        .collect();
    client.pipeline(&calls);
    client.wait_until_shipped();
    let batches = client.audit_info("batches_total");
    assert!((20..=60).contains(&batches), "{batches} batches");
    assert_eq!(client.audit_info("shipped_total"), 1000);
    let users = postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log ORDER BY epoch, seq");
    assert!(users.iter().enumerate().all(|(n, user)| user[0] == n.to_string()));
}

#[test]
fn hostile_texts_are_stored_escaped_or_truncated() {
    let (postgres, server) = pair();
    let mut client = server.client();
    let long = vec![b'x'; 1 << 20];
    let nasty = b"/%00\0\xff\xfe'\"\\;DROP TABLE lockwatch_audit_log;--\x1b[31m\r\n";
    let wild = vec![0_u8; 1 << 20];
    client.audit_bytes(&[b"ENDPOINT", nasty, b"USER", nasty]);
    client.audit_bytes(&[b"ENDPOINT", &long, b"USER", &long]);
    client.audit_bytes(&[b"ENDPOINT", &wild, b"USER", &wild]);
    client.audit_bytes(&[b"DATA", br#"{"a\u0000":"\u0000\ud800\\u0000","n":[1e999999,-1E-999999,1e400]}"#]);
    client.audit_bytes(&[b"DATA", format!("[\"{}\"]", "\u{1F511}".repeat(30_000)).as_bytes()]);
    client.wait_until_shipped();
    assert_eq!(client.audit_info("dead"), 0);
    let rows = postgres.sql(
        "audit",
        "SELECT endpoint, user_id, length(endpoint), data, length(data::text) FROM lockwatch_audit_log ORDER BY seq",
    );
    let expected = r#"/%00\x00\xff\xfe'"\x5c;DROP TABLE lockwatch_audit_log;--\x1b[31m\x0d\x0a"#;
    assert_eq!(rows[0][..2], [expected, expected]);
    assert!(rows[1][0].ends_with("x…") && rows[1][2] == "1025", "{:?}", rows[1]);
    assert!(rows[2][0].ends_with(r"\x00…") && rows[2][1].ends_with(r"\x00…"));
    assert!(rows[3][3].contains(r#""a\\x00": "\\x00\\xed\\xa0\\x80\\u0000""#), "{}", rows[3][3]);
    assert!(rows[4][3].ends_with("…\"") && rows[4][4].parse::<usize>().unwrap() < 10_000);
}

#[test]
fn shipping_and_queries_work_through_pgbouncer() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let bouncer = PgBouncer::before(&postgres);
    let server = Server::builder().shipping_to_url(&postgres, &bouncer.url("audit")).start();
    let mut client = server.client();
    for n in 0..300 {
        client.audit(&format!("USER {n} IP 10.0.0.{}", n % 250));
    }
    client.wait_until_shipped();
    assert_eq!(client.audit_info("retries_total"), 0, "{}", client.audit_text("last_error"));
    assert_eq!(postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 300);
    assert_eq!(client.audit_log("IP 10.0.0.0/8 COUNT 1000").len(), 300);
}

#[test]
fn of_several_hosts_the_writable_one_is_used() {
    let (standby, primary) = (Postgres::start(), Postgres::start());
    for postgres in [&standby, &primary] {
        postgres.create_database("audit");
    }
    // Like a standby, this server accepts connections and refuses writes.
    standby.configure(&["default_transaction_read_only = on"]);
    let (one, two) = (standby.address(), primary.address());
    let url = primary.url("audit").replace(&two.to_string(), &format!("{one},{two}"));
    let server = Server::builder().shipping_to_url(&primary, &url).start();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    assert_eq!(primary.number("audit", "SELECT count(*) FROM lockwatch_audit_log"), 1);
    assert!(standby.try_sql("audit", "SELECT count(*) FROM lockwatch_audit_log").is_err());
}

#[test]
fn the_environment_variable_overrides_the_directive() {
    let postgres = Postgres::start();
    postgres.create_database("named");
    postgres.create_database("meant");
    let server = Server::builder()
        .shipping_to(&postgres, "named")
        .env("LOCKWATCH_DATABASE_URL", postgres.url("meant"))
        .start();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    assert_eq!(postgres.number("meant", "SELECT count(*) FROM lockwatch_audit_log"), 1);
    client.set("postgres-url-file", "");
    client.audit("USER b");
    client.wait_until_shipped();
    assert_eq!(postgres.number("meant", "SELECT count(*) FROM lockwatch_audit_log"), 2);
    assert!(postgres.try_sql("named", "SELECT 1 FROM lockwatch_audit_log").is_err());
}

#[test]
fn an_invalid_url_is_refused_and_prevents_the_start() {
    let refused = Server::builder().env("LOCKWATCH_DATABASE_URL", "http://hunter2@host/db").try_start();
    let log = refused.err().expect("the server must not start");
    assert!(
        log.contains("LOCKWATCH_DATABASE_URL: it is no postgres:// URL") && !log.contains("hunter2"),
        "{log}"
    );
    let server = Server::start();
    let mut client = server.client();
    let why = client.set_refused("postgres-url-file", "/etc/hostname");
    assert!(why.contains("it is no postgres:// URL"), "{why}");
    assert!(client.set_refused("postgres-url-file", "/nowhere").contains("can't be read"));
    assert!(client.set_refused("postgres-url-file", "/tmp").contains("not a regular file"));
}

#[test]
fn without_a_database_no_thread_is_started() {
    let server = Server::start();
    server.client().audit("USER a");
    assert!(server.threads().iter().all(|name| !name.starts_with("lw-")), "{:?}", server.threads());
    assert_eq!(server.client().audit_text("state"), "off");
    assert_eq!(server.client().audit_info("pending"), 0);
}

#[test]
fn events_recorded_before_a_database_was_configured_are_shipped() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::start();
    let mut client = server.client();
    let id = client.audit("USER early");
    client.set("postgres-url-file", &postgres.url_file("audit"));
    client.wait_until_shipped();
    assert_eq!(postgres.sql("audit", "SELECT event_id(l) FROM lockwatch_audit_log l"), [[id]]);
    assert_eq!(client.audit_text("state"), "connected");
}

#[test]
fn ship_no_holds_events_back_and_ends_the_thread() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").config("lockwatch.ship no").start();
    let mut client = server.client();
    client.audit("USER a");
    wait_until("the event is pending", || client.audit_info("pending") == 1);
    assert_eq!(client.audit_text("state"), "held");
    assert!(server.threads().iter().all(|name| name != "lw-audit"), "{:?}", server.threads());
    client.set("ship", "yes");
    client.wait_until_shipped();
    client.set("ship", "no");
    client.audit("USER b");
    wait_until("the shipping thread ends", || server.threads().iter().all(|name| name != "lw-audit"));
    assert_eq!(client.audit_info("pending"), 1);
}

#[test]
fn connections_are_named_lockwatch_and_info_does_not_show_the_user() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    assert!(!client.run("INFO lockwatch").text().contains(USER));
    let application = postgres.sql("audit", "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = 'audit' AND application_name <> 'psql'");
    assert_eq!(application, [["lockwatch"]]);
}
