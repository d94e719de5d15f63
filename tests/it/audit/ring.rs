//! Without a database the log consists of the newest events of this node, held in memory.

use crate::support::{Client, Server};

fn record(client: &mut Client, line: &str, count: usize) {
    let call: Vec<&str> = line.split(' ').collect();
    let answers = client.pipeline(&vec![call; count]);
    assert!(
        answers.iter().all(|answer| !answer.is_error()),
        "{:?}",
        answers.iter().find(|answer| answer.is_error())
    );
}

#[test]
fn the_oldest_events_are_overwritten() {
    let server = Server::builder().config("lockwatch.audit-max-events 100").start();
    let mut client = server.client();
    for n in 0..250 {
        client.audit(&format!("USER {n}"));
    }
    let users: Vec<_> =
        client.audit_log("COUNT 1000").into_iter().map(|event| event.user_id.unwrap()).collect();
    let expected: Vec<_> = (150..250).rev().map(|n| n.to_string()).collect();
    assert_eq!(users, expected);
    assert_eq!((client.audit_info("overwritten_total"), client.audit_info("refused_total")), (150, 0));
    assert_eq!(client.audit_info("gap"), 0);
}

#[test]
fn denials_never_fill_more_than_half_of_the_log() {
    let server = Server::builder().config("lockwatch.audit-max-events 100").start();
    let mut client = server.client();
    record(&mut client, "LW.AUDIT USER honest", 50);
    record(&mut client, "LW.AUDIT USER flood LIMITED", 1000);
    let count = |client: &mut Client, line: &str| client.audit_log(&format!("{line} COUNT 1000")).len();
    assert_eq!((count(&mut client, "USER honest"), count(&mut client, "USER flood")), (50, 50));
    record(&mut client, "LW.AUDIT USER honest", 80);
    assert_eq!((count(&mut client, "USER honest"), count(&mut client, "USER flood")), (80, 20));
}

#[test]
fn a_lowered_bound_applies_with_the_next_events() {
    let server = Server::start();
    let mut client = server.client();
    record(&mut client, "LW.AUDIT USER a", 5000);
    client.set("audit-max-events", "100");
    record(&mut client, "LW.AUDIT USER b", 100);
    let events = client.audit_log("COUNT 1000");
    assert_eq!(events.len(), 100);
    assert!(events.iter().all(|event| event.user_id.as_deref() == Some("b")));
}

#[test]
fn the_size_of_the_log_in_bytes_is_bounded() {
    let server = Server::builder().config("lockwatch.audit-max-bytes 1mb").start();
    let mut client = server.client();
    let long = format!("LW.AUDIT ENDPOINT /{}", "e".repeat(1000));
    record(&mut client, &long, 3000);
    let bytes = client.audit_info("bytes");
    assert!(bytes <= 1 << 20 && bytes > (1 << 20) - 10_000, "{bytes}");
}

#[test]
fn a_replica_has_the_same_log() {
    let primary = Server::builder().config("lockwatch.audit-max-events 100").any_age().start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    record(&mut client, "LW.AUDIT USER a", 200);
    record(&mut client, "LW.AUDIT USER b LIMITED TIME 1700000000000", 200);
    primary.wait_for_replica(&replica);
    assert_eq!(replica.client().audit_log("COUNT 1000"), client.audit_log("COUNT 1000"));
}
