//! Every decision for many clients at one key is checked against a brute-force oracle: never more
//! than the limit in any trailing window, and never less while there is demand.

mod oracle;

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Reply, SOON, Server};
use oracle::{Decision, Oracle};

/// Calls from `clients` connections as fast as possible for `time`, each with the cost that `cost`
/// assigns to it. Returns all decisions in the server's order.
fn hammer(
    server: &Server,
    clients: usize,
    time: Duration,
    quotas: &str,
    cost: fn(usize) -> i64,
) -> Vec<Decision> {
    let (decisions, together) = (Mutex::new(Vec::new()), Barrier::new(clients));
    thread::scope(|scope| {
        for number in 0..clients {
            let (decisions, together) = (&decisions, &together);
            scope.spawn(move || {
                let cost = cost(number);
                let line = format!("LW.RATELIMIT k {quotas} COST {cost}");
                let mut client = server.client();
                let mut own = Vec::new();
                together.wait();
                let end = Instant::now() + time;
                // On a busy machine fewer calls fit into `time`, so each client makes at least 50.
                while Instant::now() < end || own.len() < 50 {
                    let (answer, from, to) = client.timed_micros(&line);
                    own.push(Decision { from, to, cost, reply: Reply::of(&answer) });
                }
                decisions.lock().unwrap().extend(own);
            });
        }
    });
    let mut decisions = decisions.into_inner().unwrap();
    decisions.sort_by_key(|decision| (decision.from, decision.to));
    decisions
}

#[test]
fn fifty_connections_get_exactly_the_limit_in_every_trailing_window() {
    const LIMIT: i64 = 200;
    const WINDOW: i64 = 500;
    let server = Server::start();
    let decisions = hammer(&server, 50, Duration::from_millis(3_100), "200 0.5", |_| 1);
    let mut oracle = Oracle::new(&[(LIMIT, WINDOW)]);
    decisions.iter().for_each(|decision| oracle.check(decision));
    oracle.assert_mostly_exact();

    // The oracle has checked each decision. Check the total as well.
    let admitted = decisions.iter().filter(|decision| !decision.reply.limited).count() as i64;
    let (first, last) = (decisions.first().unwrap(), decisions.last().unwrap());
    let windows = (last.to - first.from) / 1000 / WINDOW + 1;
    assert!((2 * LIMIT..=windows * LIMIT).contains(&admitted), "{admitted} in {windows} windows");
    assert!(decisions.len() as i64 - admitted > LIMIT, "the key was not saturated");
}

#[test]
fn calls_with_several_windows_and_costs_obey_each_window_under_load() {
    let server = Server::start();
    let quotas = [(20, 40), (100, 400), (150, 1_000)];
    let decisions =
        hammer(&server, 20, Duration::from_millis(2_500), "20 40ms 100 0.4 150 1s", |n| 1 + n as i64 % 4);
    let mut oracle = Oracle::new(&quotas);
    decisions.iter().for_each(|decision| oracle.check(decision));
    oracle.assert_mostly_exact();
}

#[test]
fn a_key_at_window_max_entries_releases_units_never_early_and_at_most_an_eighth_of_a_window_late() {
    const WINDOW: i64 = 400;
    let server = Server::builder().module_args("window-max-entries 8").start();
    let mut client = server.client();
    let mut oracle = Oracle::new(&[(1_000_000, WINDOW)]);
    let (mut calls, mut late) = (0, 0);
    let (begin, enough) = (Instant::now(), Duration::from_millis(1_500));
    while begin.elapsed() < enough || (begin.elapsed() < SOON && (late == 0 || calls < 300)) {
        let (answer, from, to) = client.timed_micros("LW.RATELIMIT k 1000000 400ms");
        oracle.check(&Decision { from, to, cost: 1, reply: Reply::of(&answer) });
        let (state, now) = client.timed("LW.PEEK k 1000000 400ms COST 0");
        let counted = 1_000_000 - Reply::of(&state).remaining;
        let (least, most) = (oracle.least(now, WINDOW), oracle.most(now, WINDOW));
        assert!(counted >= least, "{counted} units counted, {least} admitted in the window");
        let remembered = oracle.most(now, WINDOW + WINDOW / 8);
        assert!(
            counted <= remembered,
            "{counted} units counted, {remembered} admitted in a window that is an eighth longer"
        );
        calls += 1;
        late += usize::from(counted > most);
        // Make at most one call in a millisecond, because calls in the same one share an entry.
        while client.time_ms() == to / 1000 {}
    }
    oracle.assert_mostly_exact();
    assert!(late > 0, "no unit was released late in {calls} calls");
}

#[test]
fn a_window_of_one_millisecond_is_exact() {
    let server = Server::start();
    let decisions = hammer(&server, 8, Duration::from_millis(500), "1 1ms", |_| 1);
    let mut oracle = Oracle::new(&[(1, 1)]);
    decisions.iter().for_each(|decision| oracle.check(decision));
    oracle.assert_mostly_exact();
}

#[test]
fn exactly_the_limit_is_admitted_of_simultaneous_calls_from_many_clients() {
    const CLIENTS: usize = 200;
    let server = Server::start();
    let (remaining, together) = (Mutex::new(Vec::new()), Barrier::new(CLIENTS));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.client();
                together.wait();
                let reply = client.ratelimit("k 73 1h");
                if !reply.limited {
                    remaining.lock().unwrap().push(reply.remaining);
                }
            });
        }
    });
    let mut remaining = remaining.into_inner().unwrap();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..73).collect::<Vec<_>>(), "each admission has its own remaining count");
}
