//! A full alert queue refuses new alerts and loses no pending one.

use super::raise;
use crate::support::receiver::Receiver;
use crate::support::{Client, Server, Value};

const BOUND: usize = 100;

fn server(receiver: &Receiver) -> Server {
    Server::builder()
        .alerting(&[receiver])
        .config(format!("lockwatch.alert-max-events {BOUND}"))
        .config("lockwatch.ship no")
        .start()
}

/// Raises alerts until one is refused and returns the ids of the accepted ones.
#[track_caller]
fn fill(client: &mut Client, json: &str) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let answer = client.call(&["LW.ALERT", &format!("filling.{}", ids.len()), json]);
        match answer {
            Value::Bulk(_) => ids.push(answer.text()),
            refusal => {
                assert!(refusal.error().starts_with("LWFULL "), "{refusal:?}");
                return ids;
            }
        }
        assert!(ids.len() < 100_000, "the queue never fills up");
    }
}

#[test]
fn alerts_beyond_alert_max_events_are_refused_and_no_pending_alert_is_lost() {
    let receiver = Receiver::start();
    let server = server(&receiver);
    let mut client = server.client();
    let ids = fill(&mut client, "1");
    assert!((BOUND / 2..=BOUND).contains(&ids.len()), "{}", ids.len());
    let before = client.footprint();
    assert!(client.run("LW.ALERT more 1").error().starts_with("LWFULL "));
    assert_eq!(client.footprint(), before);
    assert!(client.alert_info("refused_total") >= 2, "refusals are counted");
    let mut waiting: Vec<String> = client.waiting().into_iter().map(|waiting| waiting.id).collect();
    waiting.reverse();
    assert_eq!(waiting, ids);
    client.set("ship", "yes");
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
    raise(&mut client, "again", 10);
}

#[test]
fn alerts_beyond_alert_max_bytes_are_refused_and_no_pending_alert_is_lost() {
    let receiver = Receiver::start();
    let server = server(&receiver);
    let mut client = server.client();
    client.set("alert-max-events", "100000");
    client.set("alert-max-bytes", "1mb");
    let json = format!("\"{}\"", "x".repeat(20_000));
    let ids = fill(&mut client, &json);
    assert!((25..=52).contains(&ids.len()), "{} of 20 kB in 1 MB", ids.len());
    // Lowering a bound below the current size drops no pending alert.
    client.set("alert-max-events", &BOUND.to_string());
    client.set("alert-max-events", "1000");
    assert_eq!(client.waiting().len(), ids.len());
    client.set("alert-max-bytes", "2mb");
    assert!(fill(&mut client, &json).len() >= 20);
}

#[test]
fn a_full_queue_does_not_fail_lw_burst() {
    let receiver = Receiver::start();
    let server = server(&receiver);
    let mut client = server.client();
    let ids = fill(&mut client, "1");
    for i in 0..500 {
        assert_eq!(client.run(&format!("LW.BURST key:{i} 1 60")).ints()[..2], [1, 1]);
    }
    client.set("ship", "yes");
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
    let kinds: Vec<String> = receiver.requests().iter().map(|request| request.kind()).collect();
    assert!(
        kinds.iter().any(|kind| kind == "burst"),
        "no room is reserved for the module's own alerts: {kinds:?}"
    );
}

#[test]
fn without_endpoints_the_newest_alerts_are_kept() {
    let server = Server::builder().config(format!("lockwatch.alert-max-events {BOUND}")).start();
    let mut client = server.client();
    let ids = raise(&mut client, "unheard", 3 * BOUND);
    let mut waiting: Vec<String> = client.waiting().into_iter().map(|waiting| waiting.id).collect();
    waiting.reverse();
    assert!((BOUND / 2..=BOUND).contains(&waiting.len()), "{}", waiting.len());
    assert_eq!(waiting, ids[ids.len() - waiting.len()..]);
    assert_eq!(client.alert_info("dropped_total"), (ids.len() - waiting.len()) as i64);
    // The first endpoint to be configured gets the kept alerts.
    let receiver = Receiver::start();
    client.set("webhook-allow-private", "yes");
    client.set("webhook-urls", &receiver.url());
    waiting.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
}

#[test]
fn at_maxmemory_alerts_of_callers_are_refused_and_the_modules_own_are_delivered() {
    for policy in ["noeviction", "allkeys-lru"] {
        let receiver = Receiver::start();
        let server =
            Server::builder().alerting(&[&receiver]).config(format!("maxmemory-policy {policy}")).start();
        let mut client = server.client();
        // A hundred times what the client's buffers take.
        client.run("SETRANGE filling 16777216 x");
        let before = client.footprint();
        let used = client.info("memory").number("used_memory");
        assert_eq!(client.run(&format!("CONFIG SET maxmemory {}", used + (1 << 17))).text(), "OK");
        for call in ["LW.ALERT a 1", "LW.ALERT a 1 DEDUP x COOLDOWN 1h"] {
            assert!(client.run(call).error().starts_with("LWFULL the server uses nearly all"), "{call}");
        }
        assert_eq!(client.alert_info("refused_total"), 2);
        assert_eq!(client.alert_info("queued"), 0);
        assert_eq!(client.footprint(), before);
        assert_eq!(client.run("LW.BURST k 1 60").ints(), [1, 1, 1], "{policy}");
        client.wait_until_delivered();
        assert_eq!(receiver.requests()[0].kind(), "burst");
        client.run("CONFIG SET maxmemory 0");
        let id = client.run("LW.ALERT a 1 DEDUP x COOLDOWN 1h").text();
        receiver.wait_for_alert(&id);
    }
}
