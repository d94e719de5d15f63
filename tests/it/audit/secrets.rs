//! Credentials appear in no reply, log or file, even when connecting fails.

use crate::support::postgres::{ENCODED_PASSWORD, PASSWORD, Postgres, USER};
use crate::support::{Server, wait_until};

#[test]
fn credentials_appear_in_no_reply_log_or_file() {
    let mut postgres = Postgres::start();
    postgres.create_database("audit");
    let mut server = Server::builder()
        .shipping_to(&postgres, "audit")
        .config("loglevel debug")
        .config("appendonly yes")
        .config("slowlog-log-slower-than 0")
        .start();
    let mut seen = Vec::new();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    let bad = postgres.file_with(&format!("postgres://{USER}:{ENCODED_PASSWORD}@host:{ENCODED_PASSWORD}/x"));
    let unknown =
        postgres.file_with(&format!("{}?{ENCODED_PASSWORD}={ENCODED_PASSWORD}", postgres.url("audit")));
    for file in [bad, unknown] {
        seen.push(client.set_refused("postgres-url-file", &file));
    }
    // Each URL fails with a different error.
    let urls = [
        postgres.url("audit").replace(ENCODED_PASSWORD, &format!("{ENCODED_PASSWORD}x")),
        postgres.url("nowhere"),
        postgres.url("audit").replace("127.0.0.1", "host.invalid"),
        format!("{}?sslmode=require", postgres.url("audit")),
    ];
    for url in urls {
        let retries = client.audit_info("retries_total");
        client.set("postgres-url-file", &postgres.file_with(&url));
        client.audit("USER a");
        wait_until("shipping fails", || client.audit_info("retries_total") > retries);
        seen.push(client.run("LW.AUDITLOG QUERY").error().to_owned());
        seen.push(client.run("INFO everything").text());
    }
    client.set("postgres-url-file", &postgres.url_file("audit"));
    client.wait_until_shipped();
    postgres.stop();
    client.audit("USER b");
    seen.push(client.run("LW.AUDITLOG QUERY").error().to_owned());
    for line in ["CONFIG GET *", "INFO everything", "SLOWLOG GET 1000", "CLIENT LIST", "LW.AUDITLOG DEAD"] {
        seen.push(format!("{:?}", client.run(line)));
    }
    assert_eq!(client.run("CONFIG REWRITE").text(), "OK");
    client.run("SAVE");
    for name in ["redis.conf", "dump.rdb"] {
        seen.push(String::from_utf8_lossy(&std::fs::read(server.dir().join(name)).unwrap()).into_owned());
    }
    for entry in std::fs::read_dir(server.aof_dir()).unwrap() {
        seen.push(String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned());
    }
    server.stop();
    seen.push(server.log());
    for text in &seen {
        assert!(!text.contains("\"nowhere\""), "the name of the database appears in: {text}");
        for secret in [PASSWORD, ENCODED_PASSWORD, USER] {
            assert!(!text.contains(secret), "{secret} appears in: {text}");
        }
    }
}
