//! Replicas, sub-replicas, copies and a failover.

use crate::support::{Client, Random, Server, wait_until};

/// Makes random calls. The clock of the server moves with them.
fn calls(client: &mut Client, random: &mut Random, count: usize) {
    for _ in 0..count {
        let (key, id, ttl) = (random.below(3), random.below(30), random.within(1..=20_000));
        let line = match random.below(6) {
            0 => format!("LW.RENEW k{key} {id} {ttl}ms"),
            1 => format!("LW.RELEASE k{key} {id}"),
            2 => format!("LW.ACQUIRE k{key} 40 {ttl}ms"),
            _ => format!("LW.ACQUIRE k{key} 40 {ttl}ms ID {id} COST {}", 1 + id % 3),
        };
        let answer = client.run(&line);
        assert!(!answer.is_error(), "{line}: {answer:?}");
    }
}

/// All keys, with their values and expiry times.
fn state(client: &mut Client) -> Vec<(String, Vec<u8>, i64)> {
    let mut names = client.run("KEYS *").texts();
    names.sort();
    let of = |name: String| {
        let (dump, expires) = (client.dump(&name), client.run(&format!("PEXPIRETIME {name}")).int());
        (name, dump, expires)
    };
    names.into_iter().map(of).collect()
}

#[test]
fn replicas_equal_their_primary_whatever_the_clock_does() {
    let primary = Server::start();
    let replica = Server::builder()
        .config("appendonly yes")
        .config("aof-use-rdb-preamble no")
        .replica_of(&primary)
        .start();
    primary.wait_for_replica(&replica);
    let sub = Server::builder().replica_of(&replica).start();
    replica.wait_for_replica(&sub);
    let (mut client, mut random) = (primary.client(), Random::new());
    // Far in the future, so that no key expires by the server's own clock.
    let mut now = client.time_ms() + 10 * 86_400_000;
    for round in 0..60 {
        now += match random.below(5) {
            0 => -(random.within(0..=30_000) as i64),
            _ => random.within(0..=6_000) as i64,
        };
        client.stop_clock(now);
        calls(&mut client, &mut random, 40);
        if round % 10 == 9 {
            primary.wait_for_replica(&replica);
            replica.wait_for_replica(&sub);
            let truth = state(&mut client);
            assert_eq!(truth, state(&mut replica.client()));
            assert_eq!(truth, state(&mut sub.client()));
            let digest = client.run("DEBUG DIGEST");
            assert_eq!(digest, replica.client().run("DEBUG DIGEST"));
            assert_eq!(digest, sub.client().run("DEBUG DIGEST"));
        }
    }
    let late = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&late);
    let truth = state(&mut client);
    assert_eq!(truth, state(&mut late.client()));
    // The replica's own AOF holds the same.
    replica.client().wait_for_aof_rewrite();
    let alone = Server::builder().config("appendonly yes").data_dir(replica.into_data()).start();
    assert_eq!(truth, state(&mut alone.client()));
}

#[test]
fn a_promoted_replica_knows_every_lease() {
    let mut primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let fences = ["a", "b", "c"].map(|id| client.acquired(&format!("k 3 1h ID {id} ONCLOSE")).fence);
    client.release("k b");
    client.acquired("brief 1 500ms");
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    assert!(client.run("LW.RELEASE k a").error().starts_with("READONLY"));
    client.run("REPLICAOF NO ONE");
    let repeat = client.acquire("k 3 1h ID a");
    assert_eq!((repeat.acquired, repeat.in_use, repeat.fence), (2, 2, fences[0]));
    assert_eq!(client.renew("k b 1h"), 0);
    assert_eq!(client.renew("k c 2h"), 1);
    let next = client.acquired("k 3 1h");
    assert!(next.fence > fences[2] && next.in_use == 3);
    assert_eq!(client.acquire("k 3 1h").acquired, 0);
    wait_until("the brief lease ends", || client.acquire("brief 1 1h").acquired == 1);
}

#[test]
fn only_changes_are_replicated() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.acquired("k 1 1h ID a");
    primary.wait_for_replica(&replica);
    let changes = client.info("persistence").number("rdb_changes_since_last_save");
    let before = (changes, client.run("DEBUG DIGEST"));
    let writes = |server: &Server| {
        let stats = server.info("commandstats").fields;
        let of = stats.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("cmdstat_lw._lease"));
        of.map(|(_, stats)| stats)
    };
    let applied = writes(&replica);
    assert!(applied.is_some());
    for line in [
        "LW.ACQUIRE k 1 1h",
        "LW.ACQUIRE k 1 1s ID a",
        "LW.RENEW k a 1s",
        "LW.RENEW k b 1h",
        "LW.RELEASE k b",
        "LW.RELEASE x a",
    ] {
        assert!(!client.run(line).is_error());
        let changes = |client: &mut Client| client.info("persistence").number("rdb_changes_since_last_save");
        assert_eq!((changes(&mut client), client.run("DEBUG DIGEST")), before, "{line}");
    }
    primary.wait_for_replica(&replica);
    assert_eq!(writes(&replica).map(|stats| calls_in(&stats)), applied.map(|stats| calls_in(&stats)));
}

fn calls_in(stats: &str) -> String {
    stats.split(',').next().unwrap_or_default().to_owned()
}

#[test]
fn copies_and_restored_values_change_independently() {
    let server = Server::start();
    let mut client = server.client();
    for n in 0..300 {
        client.acquired(&format!("k 1000 1h ID {n} COST {}", 1 + n % 3));
    }
    assert_eq!(client.run("COPY k copy").int(), 1);
    let dump = client.dump("k");
    assert_eq!(dump, client.dump("copy"));
    assert_eq!(client.call(&[&b"RESTORE"[..], b"restored", b"0", &dump]).text(), "OK");
    assert_eq!(client.dump("restored"), dump);
    let (usage, copied) = (client.run("MEMORY USAGE k").int(), client.run("MEMORY USAGE copy").int());
    assert!((usage - copied).abs() < usage / 4, "{usage} and {copied}");
    for n in 0..300 {
        assert_eq!(client.release(&format!("copy {n}")), 1);
    }
    assert_eq!(client.run("EXISTS copy").int(), 0);
    assert_eq!(client.dump("k"), dump);
    assert_eq!(client.release("restored 7"), 1);
    assert!(client.run("PTTL restored").int() > 3_500_000, "it expires by itself again");
    assert_eq!(client.dump("k"), dump);
}
