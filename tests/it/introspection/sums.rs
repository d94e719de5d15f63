//! The keys and bytes of each type in INFO, beside what SCAN and LW.INSPECT find.

use crate::support::tokens::{Algorithm, Keys};
use crate::support::{Builder, Client, Server, wait_until};

/// The type in SCAN, the gauge of its keys, that of its bytes, and that of the entries in them.
const TYPES: [(&str, &str, &str, Option<&str>); 5] = [
    ("lw-window", "ratelimit_keys", "ratelimit_bytes", None),
    ("lw-bursts", "burst_keys", "burst_bytes", None),
    ("lw-leases", "lease_keys", "lease_bytes", Some("lease_leases")),
    ("lw-tokens", "token_stores", "token_bytes", Some("token_sessions")),
    ("lw-guards", "guards", "guard_bytes", None),
];

/// Keys, bytes and entries of each type.
type Sums = [[i64; 3]; 5];

fn builder(keys: &Keys) -> Builder {
    Server::builder().issuing(keys, Algorithm::EdDsa).config("save \"\"")
}

/// What INFO says. Entries are 0 where there is no gauge of them.
fn shown(client: &mut Client) -> Sums {
    let info = client.info("lockwatch");
    let number = |name: &str| info.number(&format!("lockwatch_{name}"));
    TYPES.map(|(_, keys, bytes, entries)| [number(keys), number(bytes), entries.map_or(0, number)])
}

/// What the keys of the databases 0 and 1 add up to.
fn counted(client: &mut Client) -> Sums {
    let mut sums = Sums::default();
    for db in 0..2 {
        client.run(&format!("SELECT {db}"));
        for (sum, (kind, .., entries)) in sums.iter_mut().zip(TYPES) {
            let page = client.run(&format!("SCAN 0 COUNT 1000000 TYPE {kind}"));
            for key in page.items()[1].items() {
                let report = client.call(&[b"LW.INSPECT", key.bytes()]);
                sum[0] += 1;
                sum[1] += report.field("bytes").int();
                sum[2] += entries.map_or(0, |_| report.field("entries").int());
            }
        }
    }
    client.run("SELECT 0");
    sums
}

/// Asserts that INFO shows what there is. Returns it.
#[track_caller]
fn assert_exact(client: &mut Client, after: &str) -> Sums {
    let there = counted(client);
    let slack = slack(client);
    let mut seen = Sums::default();
    // A thread of the server frees what UNLINK and the like have deleted.
    wait_until(&format!("INFO shows {there:?} after {after}"), || {
        seen = shown(client);
        seen.iter().zip(&there).all(|(seen, there)| {
            let [keys, bytes, entries] = *seen;
            (keys, entries) == (there[0], there[2]) && (0..=slack * keys).contains(&(there[1] - bytes))
        })
    });
    seen
}

/// How many bytes more LW.INSPECT may reply for a key than INFO counts: none with jemalloc, whose
/// sizes the module asks for. The malloc of glibc tells the server how many bytes are usable: eight
/// more, and sixteen on top if what remained of a free chunk was too small to be a chunk itself.
fn slack(client: &mut Client) -> i64 {
    if client.run("INFO memory").text().contains("mem_allocator:jemalloc") { 0 } else { 8 + 16 }
}

/// Makes keys of every type, small and large.
fn fill(client: &mut Client) {
    for n in 0..300 {
        client.ratelimit(&format!("limit:{} 1000000 1h COST {}", n % 40, 1 + n * 7919));
        client.ratelimit(&format!("grows 1000000 1h 1000000 {}m", 1 + n % 9));
        client.run(&format!("LW.BURST burst:{} 3 1h", n % 20));
        client.run(&format!("LW.ACQUIRE lease:{} 1000 1h ID id-{n}", n % 10));
        client.run(&format!("LW.ISSUE tokens:{} user-{} ACCESSTTL 5m REFRESHTTL 1h", n % 3, n % 50));
        client.run(&format!("LW.EVENT login:{} failure IP 203.0.{}.{n} USER u{n}", n % 2, n % 7));
    }
    client.run("LW.MRATELIMIT several:a 5 1h 1 several:b 5 1h 1");
}

#[test]
fn keys_bytes_and_entries_are_exact_whatever_happens_to_the_keys() {
    let keys = Keys::new();
    let server = builder(&keys).start();
    let mut client = server.client();
    assert_eq!(assert_exact(&mut client, "the start"), Sums::default());
    fill(&mut client);
    let full = assert_exact(&mut client, "filling");
    assert!(full.iter().all(|[keys, bytes, _]| *keys > 1 && *bytes > 0), "{full:?}");
    assert_eq!((full[2][2], full[3][2]), (300, 300), "leases and sessions");
    let dumps = ["limit:3", "grows", "burst:3", "lease:3", "tokens:1", "login:1"].map(|key| {
        let dump = client.dump(key);
        (key, dump)
    });
    for command in [
        "DEL limit:1",
        "UNLINK limit:2 burst:1 lease:1 tokens:0 login:0",
        "COPY grows grows:copy",
        "COPY grows limit:3 REPLACE",
        "COPY burst:2 burst:copy",
        "COPY lease:2 lease:copy DB 1",
        "COPY tokens:1 tokens:copy",
        "COPY login:1 login:copy",
        "RENAME grows:copy limit:4",
        "RENAME tokens:copy login:copy",
        "MOVE burst:3 1",
        "SET burst:4 text",
        "LW.RELEASE lease:4 id-4",
        "LW.REVOKE tokens:1 SUBJECT user-1",
        "LW.RATELIMIT limit:5 1000000 1m 1000000 2m 1000000 3m 1000000 4m 1000000 5m",
        "LW.LIFT login:1 ALL FORGET",
        "SWAPDB 0 1",
        "SWAPDB 0 1",
        "DEBUG RELOAD",
        "PEXPIRE limit:6 1",
        "PEXPIRE tokens:2 1",
        "PEXPIRE lease:6 1",
        "PEXPIRE burst:6 1",
        "FLUSHDB ASYNC",
    ] {
        assert!(!client.run(command).is_error(), "{command}");
        if command.starts_with("PEXPIRE") {
            let key = command.split(' ').nth(1).unwrap();
            wait_until("the key expires", || client.run(&format!("EXISTS {key}")).int() == 0);
        }
        assert_exact(&mut client, command);
    }
    for (key, dump) in &dumps {
        for name in [key, "restored"] {
            let call = [&b"RESTORE"[..], name.as_bytes(), b"0", dump, b"REPLACE"];
            assert_eq!(client.call(&call).text(), "OK", "{key}");
            assert_exact(&mut client, key);
        }
        let damaged = [&dump[..dump.len() / 2], &dump[dump.len() / 2 + 1..]].concat();
        assert!(client.call(&[&b"RESTORE"[..], b"damaged", b"0", &damaged]).is_error());
    }
    fill(&mut client);
    assert_exact(&mut client, "filling again");
    client.run("FLUSHALL ASYNC");
    assert_eq!(assert_exact(&mut client, "FLUSHALL ASYNC"), Sums::default());
    fill(&mut client);
    client.run("FLUSHALL SYNC");
    assert_eq!(assert_exact(&mut client, "FLUSHALL SYNC"), Sums::default());
}

#[test]
fn replicas_and_restarts_count_the_same() {
    for load in ["disabled", "on-empty-db", "swapdb"] {
        let keys = Keys::new();
        let mut primary = builder(&keys).config("appendonly yes").start();
        let replica =
            builder(&keys).replica_of(&primary).config(format!("repl-diskless-load {load}")).start();
        let (mut client, mut there) = (primary.client(), replica.client());
        primary.wait_for_replica(&replica);
        fill(&mut client);
        primary.wait_for_replica(&replica);
        let full = assert_exact(&mut client, "filling");
        let keys_and_entries = |sums: Sums| sums.map(|[keys, _, entries]| [keys, entries]);
        let same = |sums: Sums| keys_and_entries(sums) == keys_and_entries(full);
        assert!(same(assert_exact(&mut there, "replication")));
        // A full synchronisation replaces all keys of the replica.
        there.run("REPLICAOF NO ONE");
        there.run("LW.RATELIMIT other 5 1h");
        there.run(&format!("REPLICAOF 127.0.0.1 {}", primary.address().port()));
        wait_until("the key is gone", || {
            !there.run("EXISTS other").is_error() && there.run("DBSIZE") == client.run("DBSIZE")
        });
        primary.wait_for_replica(&replica);
        assert!(same(assert_exact(&mut there, "a full synchronisation")), "{load}");
        client.run("BGREWRITEAOF");
        client.wait_for_aof_rewrite();
        primary.stop();
        primary.start_again();
        assert!(same(assert_exact(&mut primary.client(), "a restart")));
    }
}
