//! Names of roles and databases, which Postgres's messages contain, appear in no reply, log or
//! webhook: lockwatch says in its own words what failed.

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::{Client, Server, wait_until};

/// A part of the name of the role, of the database and of the host.
const NAME: &str = "hush";

const ROLE: &str = "role_hush";

fn url(postgres: &Postgres, database: &str) -> String {
    postgres.url(database).replace("lw_writer", ROLE)
}

/// Closes all connections of the role.
const CUT_OFF: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'role_hush'";

/// Waits until the next try has failed. Returns the error, and adds what is shown to `seen`.
#[track_caller]
fn failure(client: &mut Client, what: &str, seen: &mut Vec<(String, String)>) -> String {
    let retries = client.audit_info("retries_total");
    client.audit("USER a");
    wait_until(what, || client.audit_info("retries_total") > retries + 1);
    let query = client.run("LW.AUDITLOG QUERY");
    if query.is_error() {
        seen.push((what.to_owned(), query.error().to_owned()));
    }
    let error = client.audit_text("last_error");
    seen.push((what.to_owned(), error.clone()));
    error
}

#[test]
fn no_name_is_shown_when_shipping_fails() {
    let postgres = Postgres::start();
    let receiver = Receiver::start();
    postgres.sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD 'p@ss/w:rd%'"));
    postgres.create_database("base_hush");
    postgres.sql("base_hush", &format!("GRANT CREATE ON SCHEMA public TO {ROLE}"));
    let url = |database: &str| url(&postgres, database);
    let server = Server::builder()
        .config("loglevel debug")
        .config("lockwatch.audit-lag-alert 1")
        .alerting(&[&receiver])
        .shipping_to_url(&postgres, &url("base_hush"))
        .start();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    let mut seen = Vec::new();

    // Each fault, how it is mended, and our words for it.
    let base = |sql: &str| postgres.sql("base_hush", sql);
    let all = |sql: &str| postgres.sql("postgres", sql);
    for (fault, mend, words) in [
        ("ALTER ROLE role_hush NOLOGIN", "ALTER ROLE role_hush LOGIN", "authentication failed (28000)"),
        (
            "ALTER ROLE role_hush CONNECTION LIMIT 0",
            "ALTER ROLE role_hush CONNECTION LIMIT -1",
            "the server has too many connections (53300)",
        ),
        (
            "ALTER DATABASE base_hush ALLOW_CONNECTIONS false",
            "ALTER DATABASE base_hush ALLOW_CONNECTIONS true",
            "an object is not in the right state (55000)",
        ),
        (
            "REVOKE CONNECT ON DATABASE base_hush FROM public",
            "GRANT CONNECT ON DATABASE base_hush TO public",
            "permission denied (42501)",
        ),
    ] {
        all(fault);
        all(CUT_OFF);
        assert_eq!(failure(&mut client, fault, &mut seen), words);
        all(mend);
        client.wait_until_shipped();
    }
    // The migration and the statements themselves.
    for (fault, mend) in [
        ("REVOKE SELECT ON lockwatch_schema FROM role_hush", "GRANT SELECT ON lockwatch_schema TO role_hush"),
        (
            "REVOKE INSERT ON lockwatch_audit_log FROM role_hush",
            "GRANT INSERT ON lockwatch_audit_log TO role_hush",
        ),
        (
            "REVOKE USAGE ON SCHEMA public FROM public, role_hush",
            "GRANT USAGE ON SCHEMA public TO public, role_hush",
        ),
    ] {
        base(fault);
        all(CUT_OFF);
        failure(&mut client, fault, &mut seen);
        base(mend);
        client.wait_until_shipped();
    }
    // The maintenance of partitions.
    client.audit("USER old TIME 1700000000000");
    client.wait_until_shipped();
    base("ALTER TABLE lockwatch_audit_log_20231114 OWNER TO lw_writer");
    client.set("audit-retention-days", "1");
    wait_until("the maintenance fails", || client.audit_text("last_error").contains("partitions"));
    seen.push(("maintenance".to_owned(), client.audit_text("last_error")));
    client.set("audit-retention-days", "0");

    for url in [url("nowhere_hush"), url("base_hush").replace("127.0.0.1", "hush.invalid")] {
        client.set("postgres-url-file", &postgres.file_with(&url));
        failure(&mut client, "another URL", &mut seen);
    }
    let bodies = || -> Vec<String> {
        let requests = receiver.requests();
        requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect()
    };
    wait_until("the lag is reported", || bodies().iter().any(|body| body.contains("audit.lag")));
    wait_until("all lines are logged", || server.log().contains("looked up"));
    let bodies = bodies();
    seen.extend(bodies.into_iter().map(|body| ("a webhook".to_owned(), body)));
    seen.extend(server.log().lines().map(|line| ("the log".to_owned(), line.to_owned())));
    for (what, text) in &seen {
        assert!(!text.contains(NAME), "{what}: {text}");
    }
}

#[test]
fn a_server_without_tls_is_reported_in_our_words() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    let url = format!("{}?sslmode=require", postgres.url("audit"));
    client.set("postgres-url-file", &postgres.file_with(&url));
    client.audit("USER b");
    wait_until("connecting fails", || client.audit_info("retries_total") > 0);
    assert_eq!(
        client.audit_text("last_error"),
        "error performing TLS handshake: the server does not support TLS"
    );
}
