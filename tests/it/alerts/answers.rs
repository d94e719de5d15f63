//! How each kind of answer from a receiver affects the alert.

use std::time::{Duration, Instant};

use super::{HURRY, assert_same_alert, server_for};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{SOON, Server, wait_until};

#[test]
fn a_receiver_that_was_down_gets_the_alert_when_it_is_back() {
    let mut receiver = Receiver::start();
    receiver.stop();
    let server = server_for(&receiver);
    let mut client = server.client();
    let id = client.alert("missed", r#"{"n":1}"#);
    wait_until("two tries have failed", || client.waiting_for(&id).is_some_and(|w| w.pending[0].tries >= 2));
    let waiting = client.waiting_for(&id).unwrap();
    assert!(waiting.pending[0].last_error.contains("refused"), "{waiting:?}");
    assert_eq!(waiting.pending[0].endpoint, receiver.label());
    assert_eq!(client.endpoint_info(0)["state"], "failing");
    assert!(client.alert_info("oldest_ms") > 0);
    receiver.start_again();
    let request = receiver.wait_for_alert(&id);
    assert_eq!(request.member("timestamp"), request.json()["timestamp"]);
    client.wait_until_delivered();
    assert_eq!(client.endpoint_info(0)["state"], "ok");
    assert_eq!(receiver.count(), 1);
    assert!(client.alert_info("retried_total") >= 2);
}

/// Gives each answer to a new alert and asserts that the alert is retried and that its last error
/// contains the reason.
fn assert_retried(answers: &[(Answer, &str)]) {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    client.set("webhook-timeout", "1");
    for (answer, reason) in answers {
        receiver.answer(answer.clone());
        let id = client.alert("tried.again", r#"{"try":"again"}"#);
        let mut waiting = None;
        wait_until(&format!("{answer:?} is a failure"), || {
            waiting = client.waiting_for(&id);
            waiting.as_ref().is_none_or(|waiting| waiting.pending[0].tries >= 1)
        });
        let waiting = waiting.unwrap_or_else(|| panic!("{answer:?} was taken as a delivery"));
        let error = &waiting.pending[0].last_error;
        assert!(error.contains(reason), "the error for {answer:?} is {error:?}, without {reason:?}");
        assert!(error.len() <= 200 && !error.contains('\n'), "{error:?}");
        receiver.answer(Answer::status(200));
        client.wait_until_delivered();
        let tries = receiver.tries_of(&id);
        assert!(tries.len() >= 2);
        assert_same_alert(&tries);
    }
}

#[test]
fn every_status_but_2xx_is_a_failure() {
    let statuses = [300, 303, 304, 400, 401, 403, 404, 408, 413, 425, 451, 500, 502, 503, 504, 599];
    let answers: Vec<_> =
        statuses.iter().map(|&status| (Answer::status(status), status.to_string())).collect();
    assert_retried(&answers.iter().map(|(answer, text)| (answer.clone(), &text[..])).collect::<Vec<_>>());
}

#[test]
fn a_missing_or_malformed_response_is_a_failure() {
    assert_retried(&[
        (Answer::Close, ""),
        (Answer::CloseInHead, ""),
        (Answer::Bytes(b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe garbage"), ""),
        (Answer::Bytes(b"HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n"), ""),
        (Answer::Bytes(b"HTTP/1.1 99999 OK\r\ncontent-length: 0\r\n\r\n"), ""),
        (Answer::Bytes(b"220 mail.example.com ESMTP\r\n"), ""),
        (Answer::Bytes(b"HTTP/1.1 200 OK\0\r\n\r\n"), ""),
        (Answer::CloseInBody(500), "500"),
        (Answer::Endless(503), "503"),
    ]);
}

#[test]
fn an_endless_response_head_is_a_failure() {
    static HEAD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
        (0..200_000).for_each(|i| head.extend_from_slice(format!("x-{i}: 0123456789\r\n").as_bytes()));
        head
    });
    assert_retried(&[(Answer::Bytes(&HEAD), "")]);
}

#[test]
fn a_receiver_that_hangs_or_trickles_is_timed_out_and_retried() {
    for answer in [Answer::Hang, Answer::Trickle, Answer::Late(SOON, Box::new(Answer::status(200)))] {
        let receiver = Receiver::start();
        let server = server_for(&receiver);
        let mut client = server.client();
        client.set("webhook-timeout", "1");
        receiver.answer_first([answer.clone()], Answer::status(200));
        let id = client.alert("slow", "1");
        let tries = receiver.wait_for_tries(&id, 2);
        let took = tries[1].arrived.duration_since(tries[0].arrived);
        assert!(
            (Duration::from_millis(900)..SOON / 4).contains(&took),
            "{answer:?} was retried after {took:?}"
        );
        assert_same_alert(&tries);
        client.wait_until_delivered();
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let server = server_for(&receiver);
    let mut client = server.client();
    for status in [301, 302, 303, 307, 308] {
        receiver.answer(Answer::status(status).header("location", other.url()));
        let id = client.alert("redirected", "1");
        receiver.wait_for_tries(&id, 2);
        let error = client.waiting_for(&id).map(|waiting| waiting.pending[0].last_error.clone());
        assert!(error.is_some_and(|error| error.contains(&status.to_string())));
        receiver.answer(Answer::status(200));
        client.wait_until_delivered();
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn every_2xx_delivers_the_alert_once_whatever_its_body() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let answers = [
        Answer::status(201),
        Answer::status(202),
        Answer::status(204).body(""),
        Answer::status(299),
        Answer::status(200).body(vec![b'x'; 32 << 20]),
        Answer::status(200).header("content-type", "text/html").body(*b"<html>\0\xff"),
        Answer::status(200).header("set-cookie", "a=b"),
        Answer::status(200).header("content-encoding", "gzip"),
        Answer::CloseInBody(200),
        Answer::Endless(200),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n"),
        Answer::Bytes(b"HTTP/1.0 200 OK\r\n\r\n"),
    ];
    for answer in answers {
        receiver.answer(answer.clone());
        let began = Instant::now();
        let id = client.alert("taken", "1");
        wait_until(&format!("{} delivers", short(&answer)), || client.waiting_for(&id).is_none());
        // Reading the body must not delay the next alert.
        assert!(began.elapsed() < SOON / 4, "{} took {:?}", short(&answer), began.elapsed());
        assert_eq!(receiver.tries_of(&id).len(), 1, "{}", short(&answer));
    }
    assert_eq!(client.alert_info("retried_total"), 0);
}

fn short(answer: &Answer) -> String {
    format!("{answer:?}").chars().take(80).collect()
}

#[test]
fn status_410_disables_the_endpoint_until_it_is_configured_again() {
    let (gone, other) = (Receiver::start(), Receiver::start());
    gone.answer(Answer::status(410));
    let server = Server::builder().alerting(&[&gone, &other]).hurrying(HURRY * 10).start();
    let mut client = server.client();
    let first = client.alert("before", "1");
    gone.wait_for_alert(&first);
    wait_until("the endpoint is disabled", || client.endpoint_info(0)["state"] == "disabled");
    assert!(server.log().contains("410"), "the log does not mention the status:\n{}", server.log());
    gone.answer(Answer::status(200));
    // Long enough for several retries and probes.
    let until = Instant::now() + Duration::from_millis(500);
    for i in 0.. {
        let id = client.alert(&format!("meanwhile.{i}"), "1");
        other.wait_for_alert(&id);
        if Instant::now() > until {
            break;
        }
    }
    assert_eq!(gone.count(), 1);
    let both = client.get("webhook-urls");
    client.set("webhook-urls", &other.url());
    client.set("webhook-urls", &both);
    let id = client.alert("after", "1");
    gone.wait_for_alert(&id);
    assert_eq!(client.endpoint_info(0)["state"], "ok");
}
