//! A slot that moves from node to node takes its windows along.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::support::cluster::Cluster;
use super::super::support::state::KeyState;
use super::super::support::workload::Workload;
use super::super::support::{Random, Reply, wait_until};
use super::call;

/// How far the expiry of a moved key may be off: MIGRATE sends what is left of it, and that takes time.
const TTL_TOLERANCE_MS: i64 = 2000;

#[test]
fn a_slot_moves_with_its_windows_bit_for_bit() {
    let cluster = Cluster::start();
    let slot = cluster.slot("{s}");
    let home = cluster.owner(slot);
    let mut workload = Workload::new(Random::new());
    let mut client = cluster.nodes[home].client();
    let keys: Vec<String> = (0..8).map(|i| format!("{{s}}:{i}")).collect();
    for (i, key) in keys.iter().enumerate() {
        let quotas = ["100 1h", "3 1h", "10 100ms 1000 1h 5000 1d", "100000 30m"][i % 4];
        workload.spread(&mut client, key.as_bytes(), quotas, 5 * (i + 1));
    }
    let before: Vec<_> = keys.iter().map(|key| KeyState::of(&mut client, key.as_bytes())).collect();
    for to in [(home + 1) % 3, (home + 2) % 3, home] {
        cluster.move_slot(slot, to, || {});
        let mut client = cluster.nodes[to].client();
        for (key, before) in keys.iter().zip(&before) {
            let after = KeyState::of(&mut client, key.as_bytes());
            before.assert_same_value(key, &after);
            assert!((before.expires - after.expires).abs() < TTL_TOLERANCE_MS, "{key}");
        }
    }
    for (key, quota) in keys.iter().zip(["1 1h", "3 1h"].iter().cycle()) {
        assert!(call(&mut cluster.connect(), &format!("LW.RATELIMIT {key} {quota}")).limited, "{key}");
    }
}

/// The keys that are called while their slot moves, and their limits: one that is reached at once, one that is
/// reached in every window, one that never is.
const SPENT: (&str, i64) = ("{s}:spent 7 1h", 7);
const SLIDING: (&str, usize) = ("{s}:sliding 25 200ms", 25);
const AMPLE: (&str, i64) = ("{s}:ample 1000000000 1h", 1_000_000_000);
/// The window of `SLIDING`, less the millisecond that two moments can be closer than their rounded times.
const WINDOW: Duration = Duration::from_millis(199);

#[test]
fn a_slot_that_moves_under_load_admits_never_more_than_the_limit() {
    let cluster = Cluster::start();
    let slot = cluster.slot("{s}");
    let load = Load::default();
    let told: Vec<Told> = thread::scope(|scope| {
        let clients = [0, 1, 2].map(|i| {
            let (cluster, load) = (&cluster, &load);
            scope.spawn(move || hammer(cluster, i, load))
        });
        let end = EndOnDrop(&load);
        for _ in 0..6 {
            let to = (cluster.owner(slot) + 1) % 3;
            cluster.move_slot(slot, to, || load.wait_for_more(&load.calls, 100));
            // A window's worth, so that no move begins with the windows of the one before.
            load.wait_for_more(&load.sliding, SLIDING.1);
        }
        drop(end);
        clients.map(|client| client.join().expect("a client ends well")).into()
    });
    let told = told.into_iter().reduce(Told::and).expect("there are clients");
    assert_eq!(told.spent, SPENT.1);
    let mut connection = cluster.connect();
    let left = call(&mut connection, &format!("LW.PEEK {} COST 0", AMPLE.0)).remaining;
    assert_eq!(AMPLE.1 - left, told.ample);
    for key in &told.fresh {
        assert_eq!(call(&mut connection, &format!("LW.PEEK {key} 3 1h COST 0")).remaining, 2, "{key}");
    }
    assert_window_never_exceeded(told.sliding);
}

/// How far the clients have come.
#[derive(Default)]
struct Load {
    calls: AtomicUsize,
    sliding: AtomicUsize,
    done: AtomicBool,
}

impl Load {
    #[track_caller]
    fn wait_for_more(&self, counter: &AtomicUsize, n: usize) {
        let enough = counter.load(Ordering::Relaxed) + n;
        wait_until("the load goes on", || counter.load(Ordering::Relaxed) >= enough);
    }
}

/// Ends the load also when the test fails, so that it can.
struct EndOnDrop<'a>(&'a Load);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Relaxed);
    }
}

/// The calls that a client was told are admitted.
#[derive(Default)]
struct Told {
    spent: i64,
    ample: i64,
    /// When each was sent and when its answer was there.
    sliding: Vec<(Instant, Instant)>,
    /// Keys that were made by one call.
    fresh: Vec<String>,
}

impl Told {
    fn and(self, other: Self) -> Self {
        Self {
            spent: self.spent + other.spent,
            ample: self.ample + other.ample,
            sliding: [self.sliding, other.sliding].concat(),
            fresh: [self.fresh, other.fresh].concat(),
        }
    }
}

fn hammer(cluster: &Cluster, client: usize, load: &Load) -> Told {
    let mut connection = cluster.connect();
    let mut told = Told::default();
    let mut admitted = |line: &str| {
        let reply: Reply = call(&mut connection, &format!("LW.RATELIMIT {line}"));
        load.calls.fetch_add(1, Ordering::Relaxed);
        !reply.limited
    };
    for round in 0_usize.. {
        if load.done.load(Ordering::Relaxed) {
            break;
        }
        told.spent += i64::from(admitted(SPENT.0));
        told.ample += i64::from(admitted(AMPLE.0));
        let sent = Instant::now();
        if admitted(SLIDING.0) {
            told.sliding.push((sent, Instant::now()));
            load.sliding.fetch_add(1, Ordering::Relaxed);
        }
        if round % 50 == 0 {
            let key = format!("{{s}}:fresh:{client}:{round}");
            assert!(admitted(&format!("{key} 3 1h")));
            told.fresh.push(key);
        }
    }
    told
}

/// Asserts that no window certainly holds more calls than the limit: a call counts where it both began and ended.
#[track_caller]
fn assert_window_never_exceeded(mut calls: Vec<(Instant, Instant)>) {
    calls.sort_unstable();
    assert!(calls.len() > 5 * SLIDING.1, "{} calls", calls.len());
    for (i, (from, _)) in calls.iter().enumerate() {
        let begun = calls[i..].iter().take_while(|(sent, _)| *sent < *from + WINDOW);
        let inside = begun.filter(|(_, answered)| *answered < *from + WINDOW).count();
        assert!(inside <= SLIDING.1, "{inside} calls within {WINDOW:?}");
    }
}
