//! Faults of alerts and webhook endpoints.

use lockwatch_test_support::receiver::Receiver;
use lockwatch_test_support::{Server, wait_until};

use super::deployment::{Fault, Sound, assert_found, ok, receiver, sound};

#[test]
fn faults_of_alerts_are_found() {
    assert_found(&[
        Fault {
            name: "alerts, and nobody to tell",
            build: |builder| builder,
            plant: |sound| ok(&mut sound.admin, "LW.ALERT order 1"),
            expected: &[("warning", "no-webhook")],
        },
        Fault {
            name: "deliveries that are held back",
            build: |builder| builder.config("lockwatch.ship no"),
            plant: |_| {},
            expected: &[("warning", "ship")],
        },
        Fault {
            name: "LW.TOP is turned off",
            build: |builder| builder.config("lockwatch.top-keys 0"),
            plant: |_| {},
            expected: &[("note", "top-keys")],
        },
    ]);
}

/// A server with an endpoint that answers with `status`.
fn with_endpoint(status: u16, lines: &[&str]) -> (Receiver, Sound) {
    let receiver = receiver(status);
    let builder = sound(Server::builder()).alerting(&[&receiver]).hurrying(100_000);
    let server = lines.iter().fold(builder, |builder, line| builder.config(*line)).start();
    (receiver, Sound::of(server))
}

#[test]
fn an_endpoint_that_fails_is_found_with_its_error() {
    let (_receiver, mut sound) = with_endpoint(500, &[]);
    sound.admin.alert("order", "1");
    wait_until("the endpoint is given up", || sound.admin.endpoint_info(0)["state"] == "open");
    wait_until("the alert is a dead letter", || sound.admin.alert_info("dead") == 1);
    let report = sound.doctor(&[]);
    report.assert_is(&[("error", "webhooks"), ("warning", "alert-dead-letters")]);
    assert!(report.seen("webhooks").contains("500"), "{}", report.seen("webhooks"));
}

#[test]
fn an_endpoint_that_has_answered_410_is_found() {
    let (_receiver, mut sound) = with_endpoint(410, &[]);
    sound.admin.alert("order", "1");
    wait_until("the endpoint is disabled", || sound.admin.endpoint_info(0)["state"] == "disabled");
    let found = sound.doctor(&["--only", "webhooks"]);
    found.assert_is(&[("error", "webhooks")]);
}

#[test]
fn a_queue_that_fills_up_and_refuses_is_found() {
    let (_receiver, mut sound) = with_endpoint(200, &["lockwatch.alert-max-events 10", "lockwatch.ship no"]);
    for n in 0..6 {
        sound.admin.alert(&format!("order.{n}"), "1");
    }
    sound.doctor(&[]).assert_is(&[("warning", "ship"), ("warning", "alert-queue")]);
    while !sound.admin.run("LW.ALERT order 1").is_error() {}
    sound.doctor(&[]).assert_is(&[("warning", "ship"), ("error", "alert-queue"), ("warning", "lost-alerts")]);
}
