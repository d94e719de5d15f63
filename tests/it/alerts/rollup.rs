//! Roll-up: many alerts of one type at once become a few single alerts and a summary.

use std::collections::BTreeSet;

use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server, wait_until};

/// Shortens the roll-up window from ten seconds to one.
const HURRY: u32 = 10;

/// Raises `n` alerts of one type in one pipeline and returns the ids.
#[track_caller]
fn flood(client: &mut Client, kind: &str, n: usize) -> Vec<String> {
    let calls: Vec<[String; 3]> =
        (0..n).map(|i| ["LW.ALERT".into(), kind.into(), format!("{{\"n\":{i}}}")]).collect();
    client.pipeline(&calls).iter().map(|answer| answer.text()).collect()
}

fn distinct(ids: &[String]) -> BTreeSet<&String> {
    ids.iter().collect()
}

#[test]
fn a_thousand_alerts_become_ten_single_ones_and_one_summary() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    let mut client = server.client();
    let from = client.time_ms();
    let ids = flood(&mut client, "storm", 1000);
    let to = client.time_ms();
    assert!(to - from < 1000, "too slow for one window of a second: {} ms", to - from);
    assert_eq!(distinct(&ids[..10]).len(), 10);
    assert_eq!(distinct(&ids[10..]).len(), 1, "the others all get the summary's id");
    let summary = receiver.wait_for_alert(&ids[10]);
    assert_eq!(summary.kind(), "storm.summary");
    let data = summary.member("data");
    assert_eq!((&data["type"], &data["count"]), (&"storm".into(), &990.into()));
    let (first, last) = (data["from_ms"].as_i64().unwrap(), data["to_ms"].as_i64().unwrap());
    assert!(from <= first && first <= last && last <= to + 1000, "{from} {data} {to}");
    let examples = data["examples"].as_array().unwrap();
    assert!((1..=5).contains(&examples.len()), "{data}");
    assert!(examples.iter().all(|example| example["n"].as_i64().is_some_and(|n| n >= 10)), "{data}");
    client.wait_until_delivered();
    let kinds: Vec<String> = receiver.requests().iter().map(|request| request.kind()).collect();
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "storm").count(), 10);
    assert_eq!(client.alert_info("rolled_up_total"), 990);
}

#[test]
fn types_are_rolled_up_separately_and_a_new_window_sends_singly_again() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    let mut client = server.client();
    let ids = flood(&mut client, "first", 30);
    let others = flood(&mut client, "second", 10);
    assert_eq!(distinct(&others).len(), 10);
    others.iter().for_each(|id| assert_eq!(receiver.wait_for_alert(id).kind(), "second"));
    receiver.wait_for_alert(&ids[29]);
    client.wait_until_delivered();
    // Once a new window begins, the first alerts are sent singly again.
    wait_until("a new window begins", || {
        let id = client.alert("first", "1");
        receiver.wait_for_alert(&id).kind() == "first"
    });
    let summaries = receiver.requests().iter().filter(|request| request.kind() == "second.summary").count();
    assert_eq!(summaries, 0);
}

#[test]
fn every_alert_of_a_long_storm_arrives_singly_or_counts_in_one_summary() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY * 10).start();
    let mut client = server.client();
    let mut ids = Vec::new();
    // Long enough for several windows of 0.1 s.
    let until = client.time_ms() + 1000;
    while client.time_ms() < until {
        ids.extend(flood(&mut client, "storm", 100));
    }
    distinct(&ids).into_iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
    let reported: i64 = receiver
        .requests()
        .iter()
        .map(|request| match request.kind().as_str() {
            "storm" => 1,
            _ => request.member("data")["count"].as_i64().unwrap(),
        })
        .sum();
    assert_eq!(reported, ids.len() as i64);
    eprintln!("{} alerts became {} requests", ids.len(), receiver.count());
    assert!(receiver.count() < 200, "{} requests are a flood", receiver.count());
    assert_eq!(receiver.count(), distinct(&ids).len());
}

#[test]
fn an_unsent_summary_survives_a_kill() {
    let receiver = Receiver::start();
    let mut server = Server::builder()
        .alerting(&[&receiver])
        .config("appendonly yes")
        .config("appendfsync always")
        .hurrying(5)
        .start();
    let ids = flood(&mut server.client(), "storm", 500);
    server.kill();
    server.start_again();
    let summary = receiver.wait_for_alert(&ids[499]);
    assert_eq!(summary.kind(), "storm.summary");
    assert_eq!(summary.member("data")["count"], 490);
    ids[..10].iter().for_each(|id| drop(receiver.wait_for_alert(id)));
}

#[test]
fn an_unsent_summary_survives_a_failover() {
    let receiver = Receiver::start();
    let mut primary = Server::builder().alerting(&[&receiver]).hurrying(2).start();
    let replica = Server::builder().alerting(&[&receiver]).hurrying(2).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let ids = flood(&mut client, "storm", 500);
    primary.wait_for_replica(&replica);
    primary.kill();
    replica.client().run("REPLICAOF NO ONE");
    assert_eq!(receiver.wait_for_alert(&ids[499]).member("data")["count"], 490);
}

#[test]
fn a_storm_for_a_failing_receiver_queues_few_alerts() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    let mut client = server.client();
    let before = client.info("memory").number("used_memory");
    for i in 0..20 {
        flood(&mut client, &format!("storm.{}", i % 2), 1000);
    }
    let grown = client.info("memory").number("used_memory") - before;
    eprintln!("20 000 alerts are queued as {}, in {} KiB", client.waiting().len(), grown / 1024);
    assert!(client.waiting().len() < 400);
    assert!(grown < 8 << 20, "{grown} bytes");
}

#[test]
fn types_of_callers_do_not_change_how_the_modules_own_alerts_are_rolled_up() {
    let receiver = Receiver::start();
    // The period has its full length, so that it does not end during the test.
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    // As many types with a period as there may be, and a summary each.
    let calls: Vec<[String; 3]> =
        (0..256 * 11).map(|i| ["LW.ALERT".into(), format!("caller.{}", i % 256), "1".into()]).collect();
    calls.chunks(500).for_each(|chunk| drop(client.pipeline(chunk)));
    let rolled_up = client.alert_info("rolled_up_total");
    assert_eq!(rolled_up, 256);
    let bursts: Vec<[String; 4]> =
        (0..30).map(|i| ["LW.BURST".into(), format!("key:{i}"), "1".into(), "60".into()]).collect();
    client.pipeline(&bursts);
    assert_eq!(client.alert_info("rolled_up_total") - rolled_up, 20, "ten of thirty go out singly");
}
