//! Ten thousand keys that cross their threshold at once lose no call, cost little memory and do not
//! flood the receivers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::receiver::{Answer, Receiver};
use crate::support::{Client, Server, Stop, beside, wait_until};

const KEYS: usize = 10_000;

#[test]
fn ten_thousand_simultaneous_bursts_become_few_alerts_and_summaries() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(5).start();
    let mut client = server.client();
    let without_alerts = p99_beside(&server, |client, _| calls(client, 0, 1));
    let memory = client.info("memory").number("used_memory");
    let idle = p99_beside(&server, |_, measured| {
        wait_until("1000 calls are measured", || measured.load(Ordering::Acquire) >= 1000);
    });
    let began = Instant::now();
    let with_alerts = p99_beside(&server, |client, _| calls(client, 1, 2));
    let took = began.elapsed();
    let grown = client.info("memory").number("used_memory") - memory;
    eprintln!(
        "{KEYS} keys crossed in {took:?}, {} KiB more; p99 of LW.RATELIMIT {with_alerts:?} meanwhile, \
         {without_alerts:?} during as many calls without alerts, {idle:?} without load",
        grown / 1024
    );
    assert_eq!(client.alert_info("raised_total"), KEYS as i64);
    assert!(client.alert_info("queued") < 200);
    assert_eq!(client.alert_info("dropped_total"), 0);
    client.wait_until_delivered();
    let reported: u64 = receiver
        .requests()
        .iter()
        .map(|request| match request.kind().as_str() {
            "burst" => 1,
            "burst.summary" => request.member("data")["count"].as_u64().unwrap(),
            other => panic!("an alert of type {other}"),
        })
        .sum();
    assert_eq!(reported, KEYS as u64);
    assert!(receiver.count() < 200, "{} requests", receiver.count());
    // An alert does not grow its key, except for rounding by the allocator.
    assert!(grown < 8 << 20, "{grown} bytes");
}

#[test]
fn calls_do_not_wait_for_endpoints_that_hang() {
    let p99 = |endpoints: usize| {
        let receivers: Vec<_> = (0..endpoints).map(|_| Receiver::start()).collect();
        receivers.iter().for_each(|receiver| receiver.answer(Answer::Hang));
        let server = Server::builder().alerting(&receivers.iter().collect::<Vec<_>>()).start();
        let mut client = server.client();
        // Every call raises an alert. Each endpoint gets the first ten singly.
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
    // The timeout of an endpoint is ten seconds.
    assert!(all.1 < Duration::from_secs(5), "{all:?}");
}

/// Makes the `count`th call of every key and asserts whether it is a burst that alerts.
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

/// The 99th percentile of LW.RATELIMIT's latency on a second connection while `load` runs.
fn p99_beside(server: &Server, load: impl FnOnce(&mut Client, &AtomicUsize)) -> Duration {
    let measured = AtomicUsize::new(0);
    let meter = |_, stop: &Stop| {
        let (mut client, mut times) = (server.client(), Vec::new());
        while !stop.is_set() {
            let called = Instant::now();
            client.ratelimit("beside 1000000000 60");
            times.push(called.elapsed());
            measured.fetch_add(1, Ordering::Release);
        }
        times
    };
    let ((), times) = beside(1, meter, || load(&mut server.client(), &measured));
    let mut times = times.concat();
    times.sort();
    times[times.len() * 99 / 100]
}
