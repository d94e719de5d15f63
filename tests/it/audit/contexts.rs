//! MULTI, scripts, replicas, ACLs, and the documentation in COMMAND.

use crate::support::postgres::Postgres;
use crate::support::{Server, Value};

#[test]
fn events_are_recorded_in_transactions_and_scripts() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client.multi(&["LW.AUDIT USER a", "LW.AUDIT USER", "LW.AUDIT USER b"]).unwrap();
    assert!(answers[1].is_error());
    let script = "return redis.call('LW.AUDIT', 'USER', ARGV[1])";
    assert!(matches!(client.call(&["EVAL", script, "0", "c"]), Value::Bulk(_)));
    let users: Vec<_> = client.audit_log("").into_iter().map(|event| event.user_id.unwrap()).collect();
    assert_eq!(users, ["c", "b", "a"]);
}

#[test]
fn without_a_database_transactions_and_scripts_can_query_the_log() {
    let server = Server::start();
    let mut client = server.client();
    client.audit("USER a");
    let answers = client.multi(&["LW.AUDITLOG QUERY USER a", "LW.AUDITLOG QUERY USER b"]).unwrap();
    assert_eq!((answers[0].items().len(), answers[1].items().len()), (1, 0));
    let script = "return #redis.call('LW.AUDITLOG', 'QUERY')";
    assert_eq!(client.call(&["EVAL", script, "0"]), Value::Int(1));
}

#[test]
fn with_a_database_transactions_and_scripts_cannot_query_the_log() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    let answers = client.multi(&["LW.AUDITLOG QUERY"]).unwrap();
    let message = answers[0].error();
    assert!(message.starts_with("LWUNAVAILABLE ") && message.contains("MULTI and scripts"), "{message}");
    let script = "return redis.call('LW.AUDITLOG', 'QUERY')";
    assert!(client.call(&["EVAL", script, "0"]).error().contains("LWUNAVAILABLE"));
}

#[test]
fn a_replica_refuses_to_record_and_answers_queries() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).config("replica-read-only no").start();
    primary.wait_for_replica(&replica);
    let id = primary.client().audit("USER a");
    primary.wait_for_replica(&replica);
    let mut client = replica.client();
    assert!(client.run("LW.AUDIT USER b").error().starts_with("READONLY"));
    for line in ["LW.AUDITLOG REPLAY ALL", "LW.AUDITLOG DISCARD ALL"] {
        assert!(client.run(line).error().starts_with("READONLY"), "{line}");
    }
    assert_eq!(client.audit_log("")[0].id, id);
}

#[test]
fn an_application_needs_no_admin_rights() {
    let server = Server::start();
    let mut client = server.client();
    client.run("ACL SETUSER app on nopass resetkeys resetchannels -@all +lw.audit +lw.auditlog|query");
    client.run("AUTH app any");
    assert!(matches!(client.run("LW.AUDIT USER a"), Value::Bulk(_)));
    assert_eq!(client.audit_log("").len(), 1);
    for line in ["LW.AUDITLOG DEAD", "LW.AUDITLOG REPLAY ALL", "LW.AUDITLOG DISCARD ALL"] {
        assert!(client.run(line).error().starts_with("NOPERM"), "{line}");
    }
}

#[test]
fn commands_are_documented_and_flagged() {
    let server = Server::start();
    let mut client = server.client();
    let docs = client.run("COMMAND DOCS LW.AUDIT");
    let docs = docs.field("LW.AUDIT");
    assert!(docs.field("summary").text().ends_with('.') && docs.field("complexity").text().starts_with("O("));
    let arguments = docs.field("arguments").items();
    let tokens: Vec<_> = arguments.iter().map(|argument| argument.field("token").text()).collect();
    let all = [
        "KIND", "USER", "IP", "METHOD", "ENDPOINT", "STATUS", "LIMITED", "ANOMALY", "LATENCY", "TIME", "DATA",
    ];
    assert_eq!(tokens, all);
    assert!(arguments.iter().all(|argument| argument.field("flags").texts() == ["optional"]));
    let container = client.run("COMMAND DOCS LW.AUDITLOG");
    let help = client.run("LW.AUDITLOG HELP").texts();
    for name in ["QUERY", "DEAD", "REPLAY", "DISCARD", "HELP"] {
        let subcommands = container.field("LW.AUDITLOG").field("subcommands").clone();
        assert!(subcommands.field(&format!("LW.AUDITLOG|{name}")).field("summary").text().ends_with('.'));
        assert!(help.iter().any(|line| line.starts_with(name)), "{help:?}");
    }
    let info = client.run("COMMAND INFO LW.AUDIT").items()[0].items().to_vec();
    let mut flags = info[2].texts();
    flags.sort_unstable();
    assert_eq!(flags, ["fast", "module", "write"]);
    assert_eq!(info[1].int(), -2);
    assert!(client.run("COMMAND GETKEYS LW.AUDIT USER a").is_error(), "it has no key");
}

#[test]
fn a_client_cannot_call_the_internal_command() {
    let server = Server::start();
    let mut client = server.client();
    client.audit("USER a");
    let before = client.footprint();
    for payload in [&b""[..], b"\x01", b"\x02\0\0\0\0", b"\x03\0", b"\xff", &[0xff; 4096]] {
        let message = client.call(&[&b"LW._AUDIT"[..], payload]).error().to_owned();
        assert!(message.contains("internal") || message.contains("unknown command"), "{message}");
    }
    let script = "return redis.call('LW._AUDIT', '\\2\\0\\0\\0\\0')";
    assert!(client.call(&["EVAL", script, "0"]).is_error());
    assert_eq!(client.footprint(), before);
    assert_eq!(client.audit_log("").len(), 1);
}
