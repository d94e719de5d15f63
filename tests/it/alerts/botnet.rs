//! Ten thousand keys that cross their threshold at once: no call is dropped, no memory is spent, nobody is flooded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server};

const KEYS: usize = 10_000;

#[test]
fn ten_thousand_keys_at_once_are_a_few_alerts_and_a_summary() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(5).start();
    let mut client = server.client();
    let counting = p99_beside(&server, |client| calls(client, 0, 1));
    let memory = client.info("memory").number("used_memory");
    let quiet = p99_beside(&server, |_| thread::sleep(Duration::from_millis(300)));
    let began = Instant::now();
    let loud = p99_beside(&server, |client| calls(client, 1, 2));
    let took = began.elapsed();
    let grown = client.info("memory").number("used_memory") - memory;
    eprintln!(
        "{KEYS} keys crossed in {took:?}, {} KiB more; p99 of LW.RATELIMIT {loud:?} beside it, {counting:?} beside \
         as many calls that alert nobody, {quiet:?} alone",
        grown / 1024
    );
    assert_eq!(client.alert_info("raised_total"), KEYS as i64);
    assert!(client.alert_info("queued") < 200);
    assert_eq!(client.alert_info("dropped_total"), 0);
    client.wait_until_delivered();
    let told: u64 = receiver
        .requests()
        .iter()
        .map(|request| match request.kind().as_str() {
            "burst" => 1,
            "burst.summary" => request.member("data")["count"].as_u64().unwrap(),
            other => panic!("an alert of type {other}"),
        })
        .sum();
    assert_eq!(told, KEYS as u64);
    assert!(receiver.count() < 200, "{} requests", receiver.count());
    // The keys have the same size whether they have alerted or not, but for their allocator's classes.
    assert!(grown < 8 << 20, "{grown} bytes");
}

#[test]
fn calls_do_not_wait_for_endpoints_that_hang() {
    let p99 = |endpoints: usize| {
        let receivers: Vec<_> = (0..endpoints).map(|_| Receiver::start()).collect();
        receivers.iter().for_each(|receiver| receiver.answer(Answer::Hang));
        let server = Server::builder().alerting(&receivers.iter().collect::<Vec<_>>()).start();
        let mut client = server.client();
        // Each call alerts: the first ten of its type singly, to every endpoint.
        let mut times: Vec<_> = (0..5000)
            .map(|i| {
                let called = Instant::now();
                assert_eq!(client.run(&format!("LW.BURST key:{i} 1 1m")).ints(), [1, 1, 1]);
                called.elapsed()
            })
            .collect();
        receivers.iter().for_each(|receiver| drop(receiver.wait_for(1)));
        times.sort();
        (times[times.len() * 99 / 100], times[times.len() - 1])
    };
    let (none, all) = (p99(0), p99(8));
    eprintln!(
        "LW.BURST: p99 {:?} with eight hanging endpoints, {:?} without any; slowest {:?}, {:?}",
        all.0, none.0, all.1, none.1
    );
    // An endpoint hangs for ten seconds.
    assert!(all.1 < Duration::from_secs(5), "{all:?}");
}

/// A call for each key, the `count`th; each alerts at the second.
#[track_caller]
fn calls(client: &mut Client, alerted: i64, count: i64) {
    let calls: Vec<Vec<String>> = (0..KEYS)
        .map(|i| {
            let line = format!("LW.BURST bot:{i} 2 1h IP 192.0.2.{} ENDPOINT /login METHOD POST", i % 256);
            line.split(' ').map(str::to_owned).collect()
        })
        .collect();
    for chunk in calls.chunks(500) {
        for answer in client.pipeline(chunk) {
            assert_eq!(answer.ints(), [alerted, count, alerted]);
        }
    }
}

/// The 99th percentile of LW.RATELIMIT on a connection of its own while `load` runs.
fn p99_beside(server: &Server, load: impl FnOnce(&mut Client)) -> Duration {
    let over = AtomicBool::new(false);
    let mut times = thread::scope(|scope| {
        let meter = scope.spawn(|| {
            let (mut client, mut times) = (server.client(), Vec::new());
            while !over.load(Ordering::Acquire) {
                let called = Instant::now();
                client.ratelimit("beside 1000000000 60");
                times.push(called.elapsed());
            }
            times
        });
        load(&mut server.client());
        over.store(true, Ordering::Release);
        meter.join().expect("the meter did not panic")
    });
    times.sort();
    times[times.len() * 99 / 100]
}
