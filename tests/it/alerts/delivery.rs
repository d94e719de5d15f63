//! Every endpoint receives every alert, complete and without delay.

use std::time::{Instant, SystemTime};

use super::{median_and_max, raise, server_for};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{SOON, Server};

#[test]
fn an_alert_arrives_with_its_id_type_time_and_data() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let (answer, at) = server.client().timed(r#"LW.ALERT order.lost {"order":42,"why":["late","\u00e4"]}"#);
    let id = answer.text();
    let request = receiver.wait_for_alert(&id);
    assert_eq!((&request.method[..], &request.path[..]), ("POST", "/hook"));
    assert_eq!(request.header("content-type"), "application/json");
    assert!(request.header("user-agent").starts_with("lockwatch/"), "{:?}", request.headers);
    let body = request.json();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["data", "id", "timestamp", "type"]);
    assert_eq!(body["id"], id);
    assert_eq!(body["type"], "order.lost");
    assert_eq!(body["data"], serde_json::json!({"order": 42, "why": ["late", "ä"]}));
    let timestamp = body["timestamp"].as_str().unwrap();
    assert_eq!(timestamp.len(), "2026-01-02T03:04:05.678Z".len(), "{timestamp}");
    let moment = humantime::parse_rfc3339(timestamp).unwrap();
    let ms = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!(at.contains(ms), "{timestamp} is not within {at:?}");
    assert!(id.starts_with(&format!("{ms}-")), "{id} of {ms}");
    assert!(!id.contains('.'), "the signed content is joined with dots: {id}");
    let sent: i64 = request.header("webhook-timestamp").parse().unwrap();
    assert!((at.from / 1000..=at.to / 1000 + 20).contains(&sent), "sent at {sent}");
    assert_eq!(request.header_if_any("webhook-signature"), None, "there is no secret to sign with");
}

#[test]
fn an_alert_is_delivered_without_delay() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    let mut took = Vec::new();
    for i in 0..100 {
        let called = Instant::now();
        let id = client.alert(&format!("prompt.{i}"), "{}");
        took.push(receiver.wait_for_alert(&id).arrived.duration_since(called));
    }
    let (median, max) = median_and_max(&took[1..]);
    eprintln!("LW.ALERT to arrival: the first {:?}, then median {median:?}, max {max:?}", took[0]);
    assert!(max < SOON / 10, "an alert was delayed: {took:?}");
}

#[test]
fn the_alert_of_a_burst_is_delivered_without_delay() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(1000).start();
    let mut client = server.client();
    let mut took = Vec::new();
    // At most ten alerts fall into one (shortened) roll-up window, so none is rolled up.
    for i in 0..50 {
        client.run(&format!("LW.BURST key:{i} 2 1h IP 192.0.2.7 ENDPOINT /login METHOD POST AGENT curl"));
        let called = Instant::now();
        assert_eq!(client.run(&format!("LW.BURST key:{i} 2 1h IP 192.0.2.7")).ints(), [1, 2, 1]);
        let request = receiver.wait_for(i + 1).remove(i);
        assert!(request.kind().starts_with("burst"), "{request:?}");
        took.push(request.arrived.duration_since(called));
    }
    let (median, max) = median_and_max(&took[1..]);
    eprintln!("LW.BURST to arrival: the first {:?}, then median {median:?}, max {max:?}", took[0]);
    assert!(max < SOON / 10, "an alert was delayed: {took:?}");
    let data = receiver.requests()[0].member("data");
    assert_eq!(data["ip"], "192.0.2.7");
    assert_eq!(data["request_count_in_window"], 2);
    assert_eq!(data["window_seconds"], 3600);
}

#[test]
fn every_endpoint_gets_every_alert_in_order_over_one_connection() {
    let receivers = [Receiver::start(), Receiver::start(), Receiver::start()];
    let server = Server::builder().alerting(&receivers.each_ref()).start();
    let mut client = server.client();
    let ids = raise(&mut client, "all", 40);
    for receiver in &receivers {
        let requests = receiver.wait_for(ids.len());
        assert_eq!(requests.iter().map(|request| request.id()).collect::<Vec<_>>(), ids);
        assert_eq!(receiver.connections(), 1, "connections are kept alive");
    }
    client.wait_until_delivered();
    assert_eq!(client.alert_info("raised_total"), 40);
    assert_eq!(client.alert_info("delivered_total"), 120);
    for name in ["retried_total", "dead_total", "dropped_total", "queued", "dead", "oldest_ms"] {
        assert_eq!(client.alert_info(name), 0, "{name}");
    }
    for (place, receiver) in receivers.iter().enumerate() {
        let endpoint = client.endpoint_info(place);
        assert_eq!(endpoint["url"], receiver.label());
        assert_eq!(endpoint["state"], "ok");
        assert_eq!(
            (&endpoint["pending"][..], &endpoint["delivered"][..], &endpoint["failed"][..]),
            ("0", "40", "0")
        );
        assert_eq!(endpoint["last_status"], "200");
    }
    assert!(client.waiting().is_empty());
}

#[test]
fn alerts_raised_in_a_transaction_and_a_script_arrive() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let raised = client.multi(&["LW.ALERT a 1", "LW.ALERT b nonsense", "LW.ALERT c [2]"]).unwrap();
    assert!(raised[1].is_error());
    let script = "return redis.call('LW.ALERT', 'd', '{\"from\":\"lua\"}')";
    let fourth = client.call(&["EVAL", script, "0"]);
    for (value, data) in [(&raised[0], "1"), (&raised[2], "[2]"), (&fourth, r#"{"from":"lua"}"#)] {
        assert_eq!(receiver.wait_for_alert(&value.text()).member("data").to_string(), data);
    }
    client.run("MULTI");
    client.run("LW.ALERT e 1");
    client.run("DISCARD");
    client.wait_until_delivered();
    assert_eq!(receiver.count(), 3);
}

#[test]
fn a_hanging_endpoint_does_not_delay_another() {
    let (slow, quick) = (Receiver::start(), Receiver::start());
    slow.answer(Answer::Hang);
    let server = Server::builder().alerting(&[&slow, &quick]).start();
    let mut client = server.client();
    client.set("webhook-timeout", "60");
    let called = Instant::now();
    let ids = raise(&mut client, "both", 50);
    let last = quick.wait_for_alert(&ids[49]);
    eprintln!("beside a hanging endpoint 50 alerts took {:?}", last.arrived.duration_since(called));
    slow.wait_for(1);
    assert_eq!(client.endpoint_info(0)["pending"], "50");
    assert_eq!(client.waiting().len(), 50, "an alert is pending until both endpoints have it");
}

#[test]
fn tests_of_hanging_endpoints_do_not_delay_a_healthy_one() {
    let hanging: Vec<Receiver> = (0..15).map(|_| Receiver::start()).collect();
    hanging.iter().for_each(|receiver| receiver.answer(Answer::Hang));
    let healthy = Receiver::start();
    let receivers: Vec<&Receiver> = hanging.iter().chain([&healthy]).collect();
    let server = Server::builder().alerting(&receivers).start();
    let mut client = server.client();
    client.set("webhook-timeout", "60");
    let mut testers: Vec<_> = (0..8).map(|_| server.client()).collect();
    for tester in &mut testers {
        tester.send(&["LW.ALERTS", "TEST"]);
    }
    // Each of the first four reaches every endpoint: the threads for tests are all in use.
    receivers.iter().for_each(|receiver| drop(receiver.wait_for(4)));
    let called = Instant::now();
    let ids = raise(&mut client, "beside.tests", 20);
    let last = healthy.wait_for_alert(&ids[19]);
    let took = last.arrived.duration_since(called);
    eprintln!("beside eight tests of fifteen hanging endpoints 20 alerts took {took:?}");
    assert!(took < SOON / 5, "{took:?}");
}

#[test]
fn calls_return_at_once_while_every_endpoint_hangs() {
    let receivers = [Receiver::start(), Receiver::start()];
    receivers.iter().for_each(|receiver| receiver.answer(Answer::Hang));
    let server = Server::builder().alerting(&receivers.each_ref()).start();
    let mut client = server.client();
    client.alert("first", "1");
    receivers.iter().for_each(|receiver| drop(receiver.wait_for(1)));
    let mut took = Vec::new();
    for i in 0..2000 {
        let called = Instant::now();
        if i % 2 == 0 {
            client.alert(&format!("more.{i}"), "{}");
        } else {
            assert_eq!(client.run(&format!("LW.BURST key:{i} 1 60")).ints(), [1, 1, 1]);
        }
        took.push(called.elapsed());
    }
    let (median, max) = median_and_max(&took);
    eprintln!("with every endpoint hanging a call takes: median {median:?}, max {max:?}");
    assert!(max < SOON / 10);
    assert!(receivers.iter().all(|receiver| receiver.count() == 1));
}

#[test]
fn a_slack_endpoint_gets_slack_s_format() {
    let receiver = Receiver::start();
    let url = receiver.url_at("127.0.0.1", "/services/T0/B0/x");
    let server = Server::builder()
        .config("lockwatch.webhook-allow-private yes")
        .config(format!("lockwatch.webhook-urls slack+{url}"))
        .start();
    let id = server.client().alert("disk.full", r#"{"mount":"</var> & <!channel>"}"#);
    let request = receiver.wait_for(1).remove(0);
    assert_eq!(request.path, "/services/T0/B0/x");
    let body = request.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("disk.full"), "{text}");
    assert!(!text.contains('<') && !text.contains('>'), "Slack would read it as markup: {text}");
    server.client().wait_until_delivered();
    assert!(!id.is_empty());
}

#[test]
fn an_idle_connection_that_the_receiver_closed_is_not_a_failed_try() {
    let mut receiver = Receiver::start();
    // The waits are not shortened: a retry comes after four seconds at the earliest.
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    for i in 0..5 {
        let called = Instant::now();
        let id = client.alert(&format!("idle.{i}"), "1");
        let took = receiver.wait_for_alert(&id).arrived.duration_since(called);
        assert!(took.as_secs() < 4, "it was a retry, after {took:?}");
        client.wait_until_delivered();
        receiver.stop();
        receiver.start_again();
    }
    assert_eq!(client.alert_info("retried_total"), 0);
}
