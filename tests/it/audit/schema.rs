//! The schema: created once, refused if it is too new.

use std::thread;

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::{Server, wait_until};

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
