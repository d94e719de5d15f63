//! The schedule of retries.

use std::time::{Duration, SystemTime};

use super::assert_same_alert;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Server, wait_until};

/// The documented waits between tries, in seconds.
const WAITS: [u64; 9] = [5, 30, 120, 600, 1800, 3600, 7200, 21_600, 43_200];

/// How late a try may come on a busy machine.
const SLACK: Duration = Duration::from_millis(1500);

#[test]
fn retries_follow_the_documented_schedule_with_20_percent_jitter() {
    const HURRY: u64 = 2000;
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).hurrying(HURRY as u32).start();
    let id = server.client().alert("again", "1");
    let tries = receiver.wait_for_tries(&id, 7);
    assert_same_alert(&tries);
    let mut factors = Vec::new();
    for (pair, wait) in tries.windows(2).zip(WAITS) {
        let gap = pair[1].arrived.duration_since(pair[0].arrived);
        let wait = Duration::from_millis(wait * 1000 / HURRY);
        // Timestamps are whole milliseconds.
        let least = wait.mul_f64(0.8).saturating_sub(Duration::from_millis(2));
        assert!((least..=wait.mul_f64(1.2) + SLACK).contains(&gap), "{gap:?} instead of {wait:?}");
        factors.push(gap.as_secs_f64() / wait.as_secs_f64());
    }
    eprintln!("gaps as factors of the schedule: {factors:.2?}");
}

#[test]
fn the_first_retry_is_due_after_about_five_seconds() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    let mut waits = Vec::new();
    for i in 0..8 {
        let id = client.alert(&format!("again.{i}"), "1");
        let before = client.time_ms();
        wait_until("the first try has failed", || client.waiting_for(&id).unwrap().pending[0].tries == 1);
        let after = client.time_ms();
        let due = client.waiting_for(&id).unwrap().pending[0].next_try_ms;
        assert!((before + 4000..=after + 6000).contains(&due), "{} ms", due - before);
        waits.push(due - before);
    }
    let spread = waits.iter().max().unwrap() - waits.iter().min().unwrap();
    assert!(spread > 100, "the retries have too little jitter: {waits:?}");
}

/// The time between a first try that gets `answer` and the second try.
fn gap_after(answer: Answer, hurry: u32) -> Duration {
    let receiver = Receiver::start();
    receiver.answer_first([answer], Answer::status(200));
    let server = Server::builder().alerting(&[&receiver]).hurrying(hurry).start();
    let id = server.client().alert("again", "1");
    let tries = receiver.wait_for_tries(&id, 2);
    tries[1].arrived.duration_since(tries[0].arrived)
}

#[track_caller]
fn assert_about(gap: Duration, ms: u64) {
    let wait = Duration::from_millis(ms);
    assert!((wait.mul_f64(0.99)..=wait.mul_f64(1.2) + SLACK).contains(&gap), "{gap:?} instead of {wait:?}");
}

#[test]
fn retry_after_in_seconds_is_honoured() {
    let answer = |status| Answer::status(status).header("retry-after", "100");
    assert_about(gap_after(answer(429), 100), 1000);
    assert_about(gap_after(answer(503), 100), 1000);
}

#[test]
fn retry_after_as_a_date_is_honoured() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(400));
    let gap = gap_after(Answer::status(429).header("Retry-After", date), 200);
    // The date has a resolution of one second, and some time passes until the module reads it.
    assert!((Duration::from_millis(1900)..Duration::from_millis(2000) + SLACK).contains(&gap), "{gap:?}");
}

#[test]
fn retry_after_is_capped_at_two_hours() {
    for long in ["864000", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_about(gap_after(Answer::status(429).header("retry-after", long), 10_000), 720);
    }
}

#[test]
fn a_short_or_invalid_retry_after_leaves_the_schedule_unchanged() {
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for value in ["0", "-5", "", "soon", "1e9", "\u{661}", past, "Sun, 99 Nov 2994 08:49:37 GMT"] {
        let gap = gap_after(Answer::status(429).header("retry-after", value), 10);
        assert!((Duration::from_millis(398)..Duration::from_millis(600) + SLACK).contains(&gap), "{gap:?}");
    }
}

const DAY_MS: i64 = 86_400_000;

/// Moves the clock that the module reads.
fn move_clock(server: &Server, ms: i64) {
    assert_eq!(server.client().run(&format!("LW.DEBUG CLOCK {ms}")).text(), "OK");
}

#[test]
fn a_retry_planned_under_a_clock_that_was_a_day_ahead_waits_no_longer_than_planned() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    move_clock(&server, DAY_MS);
    let id = client.alert("ahead", "1");
    wait_until("the first try has failed", || client.waiting_for(&id).unwrap().pending[0].tries == 1);
    let due = client.waiting_for(&id).unwrap().pending[0].next_try_ms;
    assert!(due > client.time_ms() + DAY_MS);
    move_clock(&server, 0);
    let corrected = client.time_ms();
    wait_until("the retry is planned anew", || {
        let due = client.waiting_for(&id).unwrap().pending[0].next_try_ms;
        (corrected + 3000..=client.time_ms() + 6000).contains(&due)
    });
    receiver.answer(Answer::status(200));
    receiver.wait_for_tries(&id, 2);
    client.wait_until_delivered();
}

#[test]
fn a_server_that_loads_a_plan_of_a_clock_that_was_ahead_corrects_it() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let mut server = Server::builder().alerting(&[&receiver]).hurrying(10).start();
    let mut client = server.client();
    move_clock(&server, DAY_MS);
    let id = client.alert("ahead", "1");
    wait_until("the second try has failed", || client.waiting_for(&id).unwrap().pending[0].tries == 2);
    client.run("SAVE");
    drop(client);
    // After the restart the clock is that of the system.
    server.stop();
    receiver.answer(Answer::status(200));
    server.start_again();
    receiver.wait_for_tries(&id, 3);
    server.client().wait_until_delivered();
}

#[test]
fn a_circuit_that_opened_under_a_clock_that_was_ahead_is_probed_in_time() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).hurrying(60).start();
    let mut client = server.client();
    move_clock(&server, DAY_MS);
    let ids: Vec<_> = (0..10).map(|i| client.alert(&format!("ahead.{i}"), "1")).collect();
    wait_until("the circuit is open", || client.endpoint_info(0)["state"] == "open");
    receiver.answer(Answer::status(200));
    move_clock(&server, 0);
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
}

#[test]
fn a_clock_beyond_the_year_9999_delays_and_breaks_nothing() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(1000).start();
    let mut client = server.client();
    move_clock(&server, 260_000_000_000_000);
    let ids: Vec<_> = (0..20).map(|_| client.alert("far.ahead", "1")).collect();
    let request = receiver.wait_for_alert(&ids[0]);
    assert_eq!(request.json()["timestamp"], "9999-12-31T23:59:59.999Z");
    receiver.wait_for_alert(&ids[19]);
    client.wait_until_delivered();
    move_clock(&server, 0);
    let id = client.alert("back.again", "1");
    receiver.wait_for_alert(&id);
    assert_eq!(client.info("lockwatch").number("lockwatch_panics_total"), 0);
}
