//! `kill -9` under load: every call that got a reply is recorded after the restart.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use super::super::support::{Client, Random, Reply, Stop, beside, poll_until, wait_until};
use super::with_aof;

/// The calls of the clients that load the server: key, other arguments, cost. `hot` reaches its
/// limit during the test.
const LOAD: [(&str, &str, i64); 6] = [
    ("hot", "HOT 1h", 1),
    ("hot", "HOT 1h COST 2", 2),
    ("windows", "100 5ms 100000 100ms 100000000 1h", 1),
    ("windows", "100000000 1h", 1),
    ("merged", "100000000 1h COST 3", 3),
    ("brief", "1000 1ms 100000000 1h", 1),
];

/// A limit that nothing reaches.
const AMPLE: i64 = (1 << 53) - 1;

/// Number of times the server is killed.
fn kills() -> i64 {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { 300 } else { 20 }
}

/// The limit of `hot`, which it reaches about halfway through the kills.
fn hot() -> i64 {
    kills() * 40
}

#[test]
fn every_answered_call_survives_a_kill() {
    let mut random = Random::new();
    let mut server = with_aof(random.one_in(2)).start();
    let answered = Answered::default();
    for kill in 1..=kills() {
        let enough = answered.calls() + random.within(100..=600) as i64;
        let address = server.address();
        beside(
            LOAD.len(),
            |row, stop| hammer(address, row, &answered, stop),
            || {
                if kill % 4 == 0 {
                    wait_until("the clients are making calls", || answered.calls() > enough - 90);
                    rewrite(&mut server.client(), random.one_in(2));
                }
                wait_until("some calls were answered", || answered.calls() >= enough);
                server.kill();
            },
        );
        server.start_again();
        answered.assert_recorded(&mut server.client(), kill);
    }
    let mut client = server.client();
    poll_until("the key is at its limit", || {
        let limited = client.ratelimit(&format!("hot {} 1h", hot())).limited;
        answered.units[0].fetch_add(i64::from(!limited), Ordering::Relaxed);
        limited.then_some(())
    });
    answered.assert_recorded(&mut client, kills());
    assert!(answered.units_of("hot") <= hot());
    eprintln!("{} kills, {} answered calls", kills(), answered.calls());
}

/// Calls that got a reply, for each row of [`LOAD`].
#[derive(Default)]
struct Answered {
    /// Units admitted.
    units: [AtomicI64; LOAD.len()],
    calls: AtomicI64,
}

impl Answered {
    fn calls(&self) -> i64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn units_of(&self, key: &str) -> i64 {
        let rows = LOAD.iter().zip(&self.units).filter(|((name, ..), _)| *name == key);
        rows.map(|(_, units)| units.load(Ordering::Relaxed)).sum()
    }

    /// Asserts that the server recorded every admitted call. It may also have recorded, per client
    /// and kill, the one call whose reply did not arrive.
    #[track_caller]
    fn assert_recorded(&self, client: &mut Client, kills: i64) {
        for key in ["hot", "windows", "merged", "brief"] {
            let recorded = AMPLE - client.peek(&format!("{key} {AMPLE} 1h COST 0")).remaining;
            let admitted = self.units_of(key);
            let costs: i64 = LOAD.iter().filter(|(name, ..)| *name == key).map(|(.., cost)| cost).sum();
            assert!(
                (admitted..=admitted + kills * costs).contains(&recorded),
                "{key}: {admitted} units admitted, {recorded} recorded after kill {kills}"
            );
            assert!(key != "hot" || recorded <= hot(), "{recorded} of at most {}", hot());
        }
    }
}

/// Calls until the server is gone.
fn hammer(address: SocketAddr, row: usize, answered: &Answered, stop: &Stop) {
    let (key, rest, cost) = LOAD[row];
    let call = format!("LW.RATELIMIT {key} {}", rest.replace("HOT", &hot().to_string()));
    let call: Vec<&str> = call.split(' ').collect();
    let Ok(mut client) = Client::connect(address) else { return };
    while !stop.is_set() {
        let Ok(answer) = client.try_call(&call) else { return };
        if !Reply::of(&answer).limited {
            answered.units[row].fetch_add(cost, Ordering::Relaxed);
        }
        answered.calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts a slow rewrite of the AOF, so that the kill happens during or right after it.
#[track_caller]
fn rewrite(client: &mut Client, preamble: bool) {
    client.run(&format!("CONFIG SET aof-use-rdb-preamble {}", if preamble { "yes" } else { "no" }));
    client.run("CONFIG SET rdb-key-save-delay 2000");
    client.run("BGREWRITEAOF");
}
