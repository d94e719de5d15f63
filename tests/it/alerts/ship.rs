//! `ship no`, and shutdown.

use std::time::{Duration, Instant};

use super::{HURRY, raise};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Server, wait_until};

#[test]
fn ship_no_holds_everything_back_and_ship_yes_releases_it() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).config("lockwatch.ship no").hurrying(HURRY).start();
    let mut client = server.client();
    let mut ids = raise(&mut client, "held", 20);
    // Each call runs the event loop, which would start a delivery.
    for _ in 0..200 {
        client.run("PING");
    }
    assert!(server.threads().iter().all(|name| !name.starts_with("lw-alert")), "{:?}", server.threads());
    assert_eq!(receiver.connections(), 0);
    assert_eq!(client.alert_info("queued"), 20);
    client.set("ship", "yes");
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
    client.set("ship", "no");
    ids = raise(&mut client, "held.again", 20);
    client.run("PING");
    assert_eq!((receiver.count(), client.alert_info("queued")), (20, 20));
    client.set("ship", "yes");
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
}

#[test]
fn ship_no_stops_the_retries_of_failing_alerts() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY).start();
    let mut client = server.client();
    let ids = raise(&mut client, "failing", 3);
    receiver.wait_for(4);
    client.set("ship", "no");
    let tries = |client: &mut crate::support::Client| -> i64 {
        client.waiting().iter().map(|waiting| waiting.pending[0].tries).sum()
    };
    // A try in flight still ends.
    let mut same = 0;
    wait_until("no try is in flight", || {
        same = if tries(&mut client) == receiver.count() as i64 { same + 1 } else { 0 };
        same == 100
    });
    receiver.answer(Answer::status(200));
    let before = receiver.count();
    let until = Instant::now() + Duration::from_millis(1500);
    wait_until("the next retries would have come", || {
        client.run("PING");
        Instant::now() > until
    });
    assert_eq!(receiver.count(), before);
    client.set("ship", "yes");
    client.wait_until_delivered();
    ids.iter().for_each(|id| assert!(!receiver.tries_of(id).is_empty()));
}

#[test]
fn a_server_with_a_hanging_endpoint_shuts_down_quickly_and_loses_no_alert() {
    for lines in [&["save 3600 1"][..], &["appendonly yes"]] {
        let (stuck, refusing) = (Receiver::start(), Receiver::start());
        stuck.answer(Answer::Hang);
        refusing.answer(Answer::status(500));
        let builder = Server::builder().alerting(&[&stuck, &refusing]).config("lockwatch.webhook-timeout 60");
        let builder = lines.iter().fold(builder.hurrying(HURRY), |builder, line| builder.config(*line));
        let mut server = builder.start();
        let ids = raise(&mut server.client(), "waiting", 30);
        stuck.wait_for(1);
        refusing.wait_for(2);
        let began = Instant::now();
        server.stop();
        let took = began.elapsed();
        eprintln!("the server shut down after {took:?}");
        assert!(took < Duration::from_secs(5), "it took {took:?}");
        stuck.answer(Answer::status(200));
        refusing.answer(Answer::status(200));
        server.start_again();
        for id in &ids {
            let tries = stuck.wait_for_tries(id, 1);
            super::assert_same_alert(&tries);
            refusing.wait_for_alert(id);
        }
        server.client().wait_until_delivered();
    }
}

#[test]
fn a_restart_delivers_every_alert_and_repeats_at_most_32() {
    let receiver = Receiver::start();
    let mut server = Server::builder()
        .alerting(&[&receiver])
        .config("appendonly yes")
        .config("appendfsync always")
        .hurrying(HURRY)
        .start();
    let ids = raise(&mut server.client(), "last", 200);
    server.stop();
    server.start_again();
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    server.client().wait_until_delivered();
    let repeats = receiver.count() - ids.len();
    eprintln!("{repeats} of {} alerts were sent twice around a restart", ids.len());
    assert!(repeats <= 32, "{repeats} repeats");
}

#[test]
fn a_failed_shutdown_does_not_disturb_deliveries() {
    let receiver = Receiver::start();
    // Longer than a shutdown waits for tries in flight.
    let late = Answer::Late(Duration::from_millis(1500), Box::new(Answer::status(200)));
    receiver.answer_first([late], Answer::status(200));
    let server = Server::builder().alerting(&[&receiver]).config("dbfilename taken").start();
    // The RDB cannot be written, so SHUTDOWN SAVE fails and the server keeps running.
    std::fs::create_dir(server.dir().join("taken")).unwrap();
    let mut client = server.client();
    let mut ids = raise(&mut client, "before", 20);
    receiver.wait_for(1);
    assert!(client.run("SHUTDOWN SAVE").is_error());
    ids.extend(raise(&mut client, "after", 1));
    client.wait_until_delivered();
    ids.iter().for_each(|id| assert!(!receiver.tries_of(id).is_empty()));
}
