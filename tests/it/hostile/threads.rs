//! A panic on any thread of the module is counted and logged, and the thread's work goes on.

use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::tokens::{Algorithm, Keys};
use crate::support::{Client, Server, wait_until};

/// Makes the next thread panic whose name begins with `name`, by `work`, which must be answered.
#[track_caller]
fn assert_counted(client: &mut Client, server: &Server, name: &str, work: impl FnOnce(&mut Client)) {
    let before = client.info("lockwatch").number("lockwatch_panics_total");
    client.run(&format!("LW.DEBUG THREAD {name}"));
    work(client);
    wait_until(&format!("the panic of {name} is counted"), || {
        client.info("lockwatch").number("lockwatch_panics_total") == before + 1
    });
    let logged = server.log().matches("panic caught at ").count();
    assert_eq!(logged as i64, before + 1, "each panic is logged:\n{}", server.log());
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn a_panic_of_each_thread_is_counted_and_its_work_goes_on() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let receiver = Receiver::start();
    let keys = Keys::new();
    let server = Server::builder().may_panic().shipping_to(&postgres, "audit").alerting(&[&receiver]).start();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();

    assert_counted(&mut client, &server, "lw-audit-query", |client| {
        assert!(client.run("LW.AUDITLOG QUERY").error().contains("internal error"));
    });
    // A query that comes while the thread unwinds is answered with the same error.
    wait_until("queries are answered", || !client.run("LW.AUDITLOG QUERY").is_error());
    assert_eq!(client.audit_log("").len(), 1);

    assert_counted(&mut client, &server, "lw-audit-erase", |client| {
        assert!(client.run("LW.AUDITLOG ERASE USER other").error().contains("internal error"));
    });
    assert!(!client.run("LW.AUDITLOG ERASE USER other").is_error());

    assert_counted(&mut client, &server, "lw-alert-test", |client| {
        assert!(client.test_endpoints()[0].reason.contains("panicked"));
    });
    assert!(client.test_endpoints()[0].ok);

    assert_counted(&mut client, &server, "lw-alert-0", |client| {
        client.run("LW.ALERT note {}");
    });
    wait_until("the alert is delivered", || client.info("lockwatch").number("lockwatch_alert_queued") == 0);

    assert_counted(&mut client, &server, "lw-token-keys", |client| {
        assert!(client.run("LW.ISSUE auth alice").error().contains("internal error"));
    });
    wait_until("keys are made", || !client.run("LW.ISSUE auth alice").is_error());
    assert_counted(&mut client, &server, "lw-sign", |client| {
        assert!(client.run("LW.ISSUE auth alice").error().contains("not signed"));
    });
    assert!(!client.run("LW.ISSUE auth alice").is_error());

    let calls: Vec<Vec<String>> =
        (0..1000).map(|n| ["LW.ISSUE", "auth", &format!("user{n}")].map(str::to_owned).to_vec()).collect();
    // With RSA this would take a second.
    client.set("jwt-keys", &keys.signing(Algorithm::EdDsa, 0));
    client.pipeline(&calls);
    assert_counted(&mut client, &server, "lw-free", |client| {
        client.run("LW.REVOKEALL auth");
    });
    assert!(server.threads().iter().any(|name| name == "lw-free"), "{:?}", server.threads());

    // Last, because the next shipper starts five seconds later.
    assert_counted(&mut client, &server, "lw-audit", |client| {
        client.audit("USER second");
    });
    client.wait_until_shipped();
    assert_eq!(client.audit_log("KIND request").len(), 2);
}
