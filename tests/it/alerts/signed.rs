//! Signatures, verified by an implementation that shares no code with the module.

use std::fs;
use std::time::SystemTime;

use super::HURRY;
use crate::support::receiver::{Answer, Receiver, Request, verify, verify_at};
use crate::support::{Client, Server};

const OLD: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk";
const NEW: &str = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3";
const OWN: &str = "whsec_b3duIG93biBvd24gb3duIG93biBvd24gb3du";

fn server_for(receiver: &Receiver) -> Server {
    Server::builder().alerting(&[receiver]).hurrying(HURRY).start()
}

/// Writes a file into the server's directory and sets the directive to it.
#[track_caller]
fn set_file(server: &Server, directive: &str, name: &str, content: &str) {
    let path = server.dir().join(name);
    fs::write(&path, content).expect("the file is written");
    server.client().set(directive, path.to_str().expect("a path in UTF-8"));
}

#[track_caller]
fn signed_request(client: &mut Client, receiver: &Receiver) -> Request {
    let id = client.alert("signed", r#"{"amount":"1 €"}"#);
    let request = receiver.wait_for_alert(&id);
    Request::clone(&request)
}

#[test]
fn a_signature_verifies_and_a_changed_byte_or_an_old_timestamp_does_not() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    set_file(&server, "webhook-secret-file", "secret", &format!("{OLD}\n"));
    let request = signed_request(&mut server.client(), &receiver);
    verify(&request, &[OLD]).unwrap();
    verify(&request, &[NEW]).unwrap_err();
    for i in 0..request.body.len() {
        let mut changed = request.clone();
        changed.body[i] ^= 1;
        verify(&changed, &[OLD]).unwrap_err();
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    verify_at(&request, &[OLD], now + 240).unwrap();
    verify_at(&request, &[OLD], now + 360).unwrap_err();
    for (header, other) in [("webhook-id", "x"), ("webhook-timestamp", "1")] {
        let mut changed = request.clone();
        changed.headers.iter_mut().filter(|(name, _)| name == header).for_each(|(_, value)| *value += other);
        verify_at(&changed, &[OLD], now).unwrap_err();
    }
}

#[test]
fn every_try_is_signed_with_its_own_timestamp() {
    let receiver = Receiver::start();
    receiver.answer_first([500; 4].map(Answer::status), Answer::status(200));
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    set_file(&server, "webhook-secret-file", "secret", OLD);
    let id = server.client().alert("signed", "1");
    let tries = receiver.wait_for_tries(&id, 4);
    tries.iter().for_each(|request| verify(request, &[OLD]).unwrap());
    // The third retry comes about 1.2 s after the second.
    let times = tries.iter().map(|request| request.header("webhook-timestamp").parse::<u64>().unwrap());
    let times: Vec<u64> = times.collect();
    assert!(times[3] > times[0], "{times:?}");
}

#[test]
fn both_secrets_sign_during_a_rotation() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    set_file(&server, "webhook-secret-file", "first", OLD);
    let request = signed_request(&mut client, &receiver);
    assert_eq!(request.header("webhook-signature").split(' ').count(), 1);
    set_file(&server, "webhook-secret-file", "second", &format!("# rotated\n{NEW}\r\n\n{OLD}\n"));
    let request = signed_request(&mut client, &receiver);
    assert_eq!(request.header("webhook-signature").split(' ').count(), 2);
    verify(&request, &[OLD]).unwrap();
    verify(&request, &[NEW]).unwrap();
    set_file(&server, "webhook-secret-file", "third", NEW);
    let request = signed_request(&mut client, &receiver);
    verify(&request, &[NEW]).unwrap();
    verify(&request, &[OLD]).unwrap_err();
    client.set("webhook-secret-file", "");
    assert_eq!(signed_request(&mut client, &receiver).header_if_any("webhook-signature"), None);
}

#[test]
fn a_pending_alert_is_signed_with_the_secret_in_force_when_it_is_sent() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    set_file(&server, "webhook-secret-file", "first", OLD);
    client.set("ship", "no");
    let id = client.alert("signed", "1");
    set_file(&server, "webhook-secret-file", "second", NEW);
    client.set("ship", "yes");
    verify(&receiver.wait_for_alert(&id), &[NEW]).unwrap();
}

#[test]
fn an_endpoint_in_the_urls_file_can_have_its_own_secrets() {
    let (own, common) = (Receiver::start(), Receiver::start());
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").hurrying(HURRY).start();
    set_file(&server, "webhook-secret-file", "secret", OLD);
    let lines = format!("# endpoints\n{} {OWN} {NEW}\n\n{}\n", own.url(), common.url());
    set_file(&server, "webhook-urls-file", "urls", &lines);
    let id = server.client().alert("signed", "1");
    let request = own.wait_for_alert(&id);
    verify(&request, &[OWN]).unwrap();
    verify(&request, &[NEW]).unwrap();
    verify(&request, &[OLD]).unwrap_err();
    verify(&common.wait_for_alert(&id), &[OLD]).unwrap();
}

#[test]
fn an_invalid_secret_is_refused_and_the_old_one_stays_in_force() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    set_file(&server, "webhook-secret-file", "good", OLD);
    let three = format!("{OLD}\n{NEW}\n{OWN}\n");
    let long = format!("whsec_{}\n", "QUJD".repeat(100));
    for bad in
        ["", "\n\n", "# none\n", "whsec_", "whsec_c2hvcnQ=", "not base64!", "whsec_\0\0", &three, &long]
    {
        let path = server.dir().join("bad");
        fs::write(&path, bad).unwrap();
        let why = client.set_refused("webhook-secret-file", path.to_str().unwrap());
        let shown = bad.split_whitespace().any(|word| word.len() > 7 && why.contains(word));
        assert!(!shown, "the error shows the secret: {why}");
        verify(&signed_request(&mut client, &receiver), &[OLD]).unwrap();
    }
}
