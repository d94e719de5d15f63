//! With many alerts waiting, no command and no change of a directive keeps other clients waiting.

use super::RUSH;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server, wait_until};

const ALERTS: usize = 100_000;
/// Directives that leave room for [`ALERTS`] alerts.
const MANY: [&str; 2] = ["lockwatch.alert-max-events 1000000", "lockwatch.alert-max-bytes 1gb"];

/// The most CPU time of the main thread that a call may cost before it serves the next client. CPU
/// time, because the machine that runs the tests may be busy. A release build takes far less.
const MOST_MS: f64 = 60.0;

/// The CPU time of the main thread so far, in milliseconds.
fn cpu_ms(client: &mut Client) -> f64 {
    let info = client.info("cpu");
    let seconds = |name: &str| info.text(name).parse::<f64>().expect("a number");
    1000.0 * (seconds("used_cpu_sys_main_thread") + seconds("used_cpu_user_main_thread"))
}

/// Makes a call and asserts that the main thread serves another client soon after.
#[track_caller]
fn assert_no_stall(server: &Server, call: &[&str]) {
    let (mut client, mut other) = (server.client(), server.client());
    let before = cpu_ms(&mut other);
    let answer = client.call(call);
    // What the call left for later is done in the turns in which these are served.
    (0..2).for_each(|_| drop(other.run("PING")));
    let took = cpu_ms(&mut other) - before;
    assert!(!answer.is_error(), "{call:?}: {answer:?}");
    eprintln!("{took:6.1} ms: {:.60}", call.join(" "));
    assert!(took < MOST_MS, "{took} ms: {call:?}");
}

fn raise_many(client: &mut Client) {
    let calls: Vec<[String; 3]> =
        (0..ALERTS).map(|i| ["LW.ALERT".into(), format!("many.{i}"), "1".into()]).collect();
    calls.chunks(1000).for_each(|chunk| {
        assert!(client.pipeline(chunk).iter().all(|answer| !answer.is_error()));
    });
}

fn pending(client: &mut Client, place: usize) -> usize {
    client.endpoint_info(place)["pending"].parse().unwrap()
}

/// Eight URLs, which are never dialled.
fn eight(prefix: &str) -> String {
    (0..8).map(|i| format!("https://{prefix}{i}.example.com/")).collect::<Vec<_>>().join(" ")
}

#[test]
fn many_waiting_alerts_stall_no_other_client() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server =
        Server::builder().alerting(&[&receiver]).hurrying(RUSH).config(MANY[0]).config(MANY[1]).start();
    let mut client = server.client();
    let one = client.alert("one", "1");
    wait_until("one is dead", || client.dead().len() == 1);
    client.set("ship", "no");
    client.set("webhook-urls", &eight("a"));
    raise_many(&mut client);
    assert_no_stall(&server, &["LW.ALERTS", "LIST", "COUNT", "10000"]);
    let id = client.run("LW.ALERTS LIST COUNT 1").items()[0].field("id").text();
    assert_no_stall(&server, &["LW.ALERTS", "DISCARD", &id]);
    assert_no_stall(&server, &["LW.ALERTS", "REPLAY", &one]);
    // INFO shows all that waits, also while the queues of new endpoints are filled.
    for urls in [eight("b"), eight("c")] {
        assert_no_stall(&server, &["CONFIG", "SET", "lockwatch.webhook-urls", &urls]);
        assert_eq!((0..8).map(|place| pending(&mut client, place)).collect::<Vec<_>>(), [ALERTS; 8]);
    }
    assert_no_stall(&server, &["LW.ALERTS", "REPLAY", "ALL"]);
    assert_no_stall(&server, &["LW.ALERTS", "DISCARD", "ALL"]);
    assert_no_stall(&server, &["CONFIG", "SET", "lockwatch.webhook-urls", ""]);
    client.set("alert-max-events", "1");
    assert_no_stall(&server, &["LW.ALERT", "new", "1"]);
    let left = client.alert_info("queued") as usize;
    assert!((ALERTS - 100..ALERTS).contains(&left), "{left}");
}

#[test]
fn a_promoted_replica_with_many_waiting_alerts_stalls_no_client() {
    let urls = format!("lockwatch.webhook-urls \"{}\"", eight("a"));
    let builder =
        || Server::builder().config(&urls).config("lockwatch.ship no").config(MANY[0]).config(MANY[1]);
    let mut primary = builder().start();
    let replica = builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    raise_many(&mut primary.client());
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    // What came from the primary before does not count.
    wait_until("the replica is idle", || {
        let before = cpu_ms(&mut client);
        (0..3).for_each(|_| drop(client.run("PING")));
        cpu_ms(&mut client) - before < 5.0
    });
    assert_no_stall(&replica, &["REPLICAOF", "NO", "ONE"]);
    assert_eq!(pending(&mut client, 0), ALERTS);
    assert_no_stall(&replica, &["REPLICAOF", "127.0.0.1", "1"]);
}
