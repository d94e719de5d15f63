//! LW.ALERTS TEST.

use std::time::{Duration, Instant};

use super::{HURRY, server_for};
use crate::support::receiver::{Answer, Receiver, verify};
use crate::support::{SOON, Server, Value, wait_until};

#[test]
fn a_test_reports_what_each_endpoint_answers() {
    let (good, bad, mut down) = (Receiver::start(), Receiver::start(), Receiver::start());
    bad.answer(Answer::status(404));
    down.stop();
    let server = Server::builder().alerting(&[&good, &bad, &down]).start();
    let mut client = server.client();
    let tested = client.test_endpoints();
    let endpoints: Vec<_> = tested.iter().map(|tested| tested.endpoint.clone()).collect();
    assert_eq!(endpoints, [good.label(), bad.label(), down.label()]);
    assert_eq!((tested[0].ok, tested[0].status), (true, 200));
    assert_eq!((tested[1].ok, tested[1].status), (false, 404));
    assert!(!tested[2].ok && tested[2].status <= 0, "{:?}", tested[2]);
    assert!(tested[2].reason.contains("refused"), "{:?}", tested[2]);
    assert!(tested.iter().all(|tested| tested.took_ms >= 0 && tested.took_ms < 10_000));
    let request = good.requests().remove(0);
    let body = request.json();
    assert_eq!(body["id"], request.id());
    assert!(body["type"].is_string() && body["timestamp"].is_string() && body.get("data").is_some());
    assert!(client.waiting().is_empty(), "a test alert is not queued");
    assert_eq!(client.alert_info("raised_total"), 0);
    client.run("HELLO 3");
    assert!(matches!(client.run("LW.ALERTS TEST").items()[0], Value::Map(_)));
}

#[test]
fn a_test_is_signed() {
    const SECRET: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk";
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let path = server.dir().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    server.client().set("webhook-secret-file", path.to_str().unwrap());
    assert!(server.client().test_endpoints()[0].ok);
    verify(&receiver.requests()[0], &[SECRET]).unwrap();
}

#[test]
fn a_test_is_refused_without_an_endpoint_and_where_the_client_cannot_block() {
    let server = Server::start();
    let mut client = server.client();
    assert!(client.run("LW.ALERTS TEST").error().starts_with("LWUNAVAILABLE "));
    let receiver = Receiver::start();
    client.set("webhook-allow-private", "yes");
    client.set("webhook-urls", &receiver.url());
    let answers = client.multi(&["LW.ALERTS TEST", "PING"]).unwrap();
    assert!(answers[0].is_error() && answers[1].text() == "PONG", "{answers:?}");
    assert!(client.call(&["EVAL", "return redis.call('LW.ALERTS', 'TEST')", "0"]).is_error());
    assert!(client.test_endpoints()[0].ok);
    assert_eq!(receiver.count(), 1);
}

#[test]
fn a_hanging_test_blocks_no_other_client_and_times_out() {
    let receiver = Receiver::start();
    receiver.answer(Answer::Hang);
    let server = server_for(&receiver);
    let mut client = server.client();
    client.set("webhook-timeout", "1");
    let began = Instant::now();
    let mut waiting = server.client();
    waiting.send(&["LW.ALERTS", "TEST"]);
    receiver.wait_for(1);
    while began.elapsed() < Duration::from_millis(500) {
        let called = Instant::now();
        assert!(!client.ratelimit("k 100000000 60").limited);
        assert!(called.elapsed() < SOON / 20);
    }
    let answer = waiting.read();
    assert!(began.elapsed() < SOON / 2);
    assert_eq!(answer.items()[0].field("ok").int(), 0);
    assert!(answer.items()[0].field("reason").text().contains("timed out"), "{answer:?}");
}

#[test]
fn a_client_that_disconnects_during_a_test_does_no_harm() {
    let receiver = Receiver::start();
    receiver.answer(Answer::Hang);
    let server = server_for(&receiver);
    let mut client = server.client();
    client.set("webhook-timeout", "1");
    for i in 1..=5 {
        let mut leaving = server.client();
        leaving.send(&["LW.ALERTS", "TEST"]);
        receiver.wait_for(i);
    }
    let mut killed = server.client();
    let id = killed.run("CLIENT ID").int();
    killed.send(&["LW.ALERTS", "TEST"]);
    receiver.wait_for(6);
    client.run(&format!("CLIENT KILL ID {id}"));
    let mut unblocked = server.client();
    let id = unblocked.run("CLIENT ID").int();
    unblocked.send(&["LW.ALERTS", "TEST"]);
    receiver.wait_for(7);
    client.run(&format!("CLIENT UNBLOCK {id}"));
    unblocked.read();
    wait_until("the tests are over", || server.threads().iter().all(|name| name != "lw-alert-test"));
    receiver.answer(Answer::status(200));
    assert!(client.test_endpoints()[0].ok);
}

#[test]
fn a_test_bypasses_the_queue_and_enables_a_disabled_endpoint_again() {
    let (gone, stuck) = (Receiver::start(), Receiver::start());
    gone.answer(Answer::status(410));
    stuck.answer_first([Answer::Hang], Answer::status(200));
    let server = Server::builder().alerting(&[&gone, &stuck]).hurrying(HURRY).start();
    let mut client = server.client();
    client.set("webhook-timeout", "60");
    client.alert("first", "1");
    stuck.wait_for(1);
    wait_until("the endpoint is disabled", || client.endpoint_info(0)["state"] == "disabled");
    let tested = client.test_endpoints();
    assert_eq!((tested[0].status, tested[1].status), (410, 200), "{tested:?}");
    assert_eq!(client.endpoint_info(0)["state"], "disabled");
    gone.answer(Answer::status(200));
    assert!(client.test_endpoints()[0].ok);
    assert_eq!(client.endpoint_info(0)["state"], "ok");
    let id = client.alert("second", "1");
    gone.wait_for_alert(&id);
}

#[test]
fn a_demotion_ends_a_running_test() {
    let (receiver, other) = (Receiver::start(), Server::start());
    receiver.answer(Answer::Hang);
    let server = server_for(&receiver);
    let mut waiting = server.client();
    waiting.send(&["LW.ALERTS", "TEST"]);
    receiver.wait_for(1);
    let address = other.address();
    server.client().run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    // The client may get an answer, an error or a closed connection, but must not hang.
    let demoted = Instant::now();
    let _ = waiting.is_closed();
    assert!(demoted.elapsed() < SOON, "the client hangs");
    other.wait_for_replica(&server);
    assert!(server.client().run("LW.ALERTS TEST").is_error());
}
