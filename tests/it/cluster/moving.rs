//! A slot keeps its windows when it moves from node to node.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::support::cluster::Cluster;
use super::super::support::state::KeyState;
use super::super::support::workload::Workload;
use super::super::support::{Random, Reply, Stop, beside, wait_until};
use super::call;

/// The allowed error of a moved key's expiry. MIGRATE sends the remaining time to live, so the
/// duration of the move is added.
const TTL_TOLERANCE_MS: i64 = 2000;

#[test]
fn moving_a_slot_keeps_its_windows_bit_for_bit() {
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

/// The keys that are called while their slot moves, and their limits. One limit is reached at once,
/// one in every window, one never.
const SPENT: (&str, i64) = ("{s}:spent 7 1h", 7);
const SLIDING: (&str, usize) = ("{s}:sliding 25 200ms", 25);
const AMPLE: (&str, i64) = ("{s}:ample 1000000000 1h", 1_000_000_000);
/// The window of `SLIDING`, less one millisecond for rounding.
const WINDOW: Duration = Duration::from_millis(199);

#[test]
fn moving_a_slot_under_load_never_admits_more_than_the_limit() {
    let cluster = Cluster::start();
    let slot = cluster.slot("{s}");
    let load = Load::default();
    let ((), totals) = beside(
        3,
        |client, stop| hammer(&cluster, client, &load, stop),
        || {
            for _ in 0..6 {
                let to = (cluster.owner(slot) + 1) % 3;
                cluster.move_slot(slot, to, || load.wait_for_more(&load.calls, 100));
                // Wait for a full window of admissions, so that no two moves carry the same
                // entries.
                load.wait_for_more(&load.sliding, SLIDING.1);
            }
        },
    );
    let totals = totals.into_iter().reduce(Admitted::and).expect("there are clients");
    assert_eq!(totals.spent, SPENT.1);
    let mut connection = cluster.connect();
    let left = call(&mut connection, &format!("LW.PEEK {} COST 0", AMPLE.0)).remaining;
    assert_eq!(AMPLE.1 - left, totals.ample);
    for key in &totals.fresh {
        assert_eq!(call(&mut connection, &format!("LW.PEEK {key} 3 1h COST 0")).remaining, 2, "{key}");
    }
    assert_window_never_exceeded(totals.sliding);
}

/// The progress of the clients.
#[derive(Default)]
struct Load {
    calls: AtomicUsize,
    sliding: AtomicUsize,
}

impl Load {
    #[track_caller]
    fn wait_for_more(&self, counter: &AtomicUsize, n: usize) {
        let enough = counter.load(Ordering::Relaxed) + n;
        wait_until("the load goes on", || counter.load(Ordering::Relaxed) >= enough);
    }
}

/// The calls that were admitted, by key.
#[derive(Default)]
struct Admitted {
    spent: i64,
    ample: i64,
    /// When each call was sent and when it was answered.
    sliding: Vec<(Instant, Instant)>,
    /// Keys that were called once.
    fresh: Vec<String>,
}

impl Admitted {
    fn and(self, other: Self) -> Self {
        Self {
            spent: self.spent + other.spent,
            ample: self.ample + other.ample,
            sliding: [self.sliding, other.sliding].concat(),
            fresh: [self.fresh, other.fresh].concat(),
        }
    }
}

fn hammer(cluster: &Cluster, client: usize, load: &Load, stop: &Stop) -> Admitted {
    let mut connection = cluster.connect();
    let mut totals = Admitted::default();
    let mut admitted = |line: &str| {
        let reply: Reply = call(&mut connection, &format!("LW.RATELIMIT {line}"));
        load.calls.fetch_add(1, Ordering::Relaxed);
        !reply.limited
    };
    for round in (0_usize..).take_while(|_| !stop.is_set()) {
        totals.spent += i64::from(admitted(SPENT.0));
        totals.ample += i64::from(admitted(AMPLE.0));
        let sent = Instant::now();
        if admitted(SLIDING.0) {
            totals.sliding.push((sent, Instant::now()));
            load.sliding.fetch_add(1, Ordering::Relaxed);
        }
        if round % 50 == 0 {
            let key = format!("{{s}}:fresh:{client}:{round}");
            assert!(admitted(&format!("{key} 3 1h")));
            totals.fresh.push(key);
        }
    }
    totals
}

/// Asserts that no window holds more calls than the limit. The time of a decision is not known
/// exactly, so a call counts only in windows in which it both began and ended.
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
