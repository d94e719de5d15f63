//! LW.ALERTS RECENT, and the durations of deliveries in INFO.

use super::{HURRY, RUSH, raise, server_for};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server, Value, wait_until};

/// `id`, `type`, `waiting` and `dead` of each alert.
#[track_caller]
fn recent(client: &mut Client) -> Vec<(String, String, i64, i64)> {
    let page = client.run("LW.ALERTS RECENT");
    let row = |alert: &Value| {
        let text = |name| alert.field(name).text();
        (text("id"), text("type"), alert.field("waiting").int(), alert.field("dead").int())
    };
    page.items().iter().map(row).collect()
}

fn ids(alerts: &[(String, String, i64, i64)]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.0.as_str()).collect()
}

#[test]
fn alerts_are_listed_after_they_were_delivered_dropped_or_discarded() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let delivered = client.alert("delivered", r#"{"n":1}"#);
    client.wait_until_delivered();
    client.set("ship", "no");
    let discarded = client.alert("discarded", "2");
    client.run(&format!("LW.ALERTS DISCARD {discarded}"));
    let waiting = client.alert("waiting", "3");
    let expected = [(&waiting, "waiting", 1), (&discarded, "discarded", 0), (&delivered, "delivered", 0)];
    assert_eq!(recent(&mut client), expected.map(|(id, kind, waits)| (id.clone(), kind.into(), waits, 0)));
    let page = client.run(&format!("lw.alerts recent before {discarded} count 5"));
    let [alert] = page.items() else { panic!("{page:?}") };
    let sent = receiver.wait_for_alert(&delivered);
    assert_eq!(alert.field("body").bytes(), sent.body);
    assert!(delivered.starts_with(&format!("{}-", alert.field("timestamp_ms").int())));
    let names = ["id", "type", "timestamp_ms", "waiting", "dead", "body"];
    assert_eq!(alert.items().iter().step_by(2).map(Value::text).collect::<Vec<_>>(), names);
    assert_eq!(client.run("LW.ALERTS RECENT COUNT 2").items().len(), 2);
    assert!(client.run("LW.ALERTS RECENT COUNT 0").is_error());
    assert!(client.run("LW.ALERTS RECENT BEFORE x").is_error());
}

#[test]
fn the_newest_hundred_are_listed_without_an_endpoint_too() {
    let server = Server::start();
    let mut client = server.client();
    let raised = raise(&mut client, "kept", 130);
    client.burst("k 1 1h");
    let found = recent(&mut client);
    assert_eq!((found.len(), found[0].1.as_str()), (100, "burst"));
    assert!(ids(&found[1..]).into_iter().eq(raised.iter().rev().take(99)));
}

#[test]
fn a_dead_letter_shows_how_many_endpoints_did_not_take_it() {
    let receivers = [Receiver::start(), Receiver::start()];
    receivers.iter().for_each(|receiver| receiver.answer(Answer::status(500)));
    let server = Server::builder().alerting(&[&receivers[0], &receivers[1]]).hurrying(RUSH).start();
    let mut client = server.client();
    let id = client.alert("dies", "1");
    wait_until("both have failed", || client.dead().len() == 2);
    assert_eq!(recent(&mut client), [(id.clone(), "dies".into(), 0, 2)]);
    client.set("ship", "no");
    client.run("LW.ALERTS REPLAY ALL");
    assert_eq!(recent(&mut client), [(id, "dies".into(), 1, 0)]);
}

#[test]
fn a_summary_is_listed_once_its_period_has_ended() {
    let server = Server::builder().hurrying(HURRY).start();
    let mut client = server.client();
    let raised: Vec<String> = (0..50).map(|n| client.alert("many", &n.to_string())).collect();
    wait_until("the summary is raised", || {
        recent(&mut client).iter().any(|(_, kind, ..)| kind.starts_with("many") && kind != "many")
    });
    let found = recent(&mut client);
    assert!(found.iter().all(|(id, ..)| raised.contains(id)), "{found:?}");
    assert!(found.len() < 50, "{found:?}");
}

#[test]
fn a_replica_lists_what_its_primary_raises_and_a_restart_begins_with_what_waits() {
    let receiver = Receiver::start();
    let mut primary = Server::builder().alerting(&[&receiver]).config("appendonly yes").start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let (mut client, mut there) = (primary.client(), replica.client());
    let delivered = client.alert("delivered", "1");
    client.wait_until_delivered();
    client.set("ship", "no");
    let waiting = client.alert("waiting", "2");
    primary.wait_for_replica(&replica);
    assert_eq!(ids(&recent(&mut there)), [&*waiting, &*delivered]);
    assert_eq!(recent(&mut there), recent(&mut client));
    client.run("DEBUG RELOAD");
    assert_eq!(ids(&recent(&mut client)), [&*waiting]);
    client.run("BGREWRITEAOF");
    client.wait_for_aof_rewrite();
    primary.kill();
    primary.start_again();
    let mut client = primary.client();
    assert!(ids(&recent(&mut client)).contains(&&*waiting));
    client.run("LW.PURGE CONFIRM");
    assert_eq!(recent(&mut client), []);
}

#[test]
fn the_list_is_bounded_in_bytes_but_always_has_the_newest() {
    let server = Server::start();
    let mut client = server.client();
    let large = format!("\"{}\"", "x".repeat(60_000));
    let raised: Vec<String> = (0..10).map(|n| client.alert(&format!("large.{n}"), &large)).collect();
    let found = recent(&mut client);
    assert!(ids(&found).into_iter().eq(raised.iter().rev().take(4)), "{found:?}");
}

#[test]
fn each_try_counts_in_the_durations() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    raise(&mut client, "quick", 3);
    client.wait_until_delivered();
    receiver.answer(Answer::status(500));
    raise(&mut client, "failing", 1);
    receiver.wait_for(5);
    let durations = |client: &mut Client| {
        let line = client.info("lockwatch").text("lockwatch_alert_delivery_ms");
        let fields = line.split(',').map(|field| field.split_once('=').unwrap().1.parse::<f64>().unwrap());
        fields.collect::<Vec<_>>()
    };
    wait_until("the tries are counted", || durations(&mut client)[0] >= 5.0);
    let [count, sum, buckets @ ..] = &durations(&mut client)[..] else { panic!("it has three fields") };
    assert!(buckets.is_sorted() && buckets.last() == Some(count) && *sum > 0.0, "{count} {sum} {buckets:?}");
    receiver.answer(Answer::status(200));
    client.wait_until_delivered();
    let before = durations(&mut client)[0];
    client.test_endpoints();
    assert_eq!(durations(&mut client)[0], before + 1.0, "a test is a POST, too");
}
