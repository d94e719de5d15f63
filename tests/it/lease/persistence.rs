//! Leases survive restarts and kills, from RDB and AOF.

use std::collections::BTreeMap;

use crate::support::{Builder, Client, Random, Server, wait_until};

fn with_aof(preamble: &str) -> Builder {
    let preamble = format!("aof-use-rdb-preamble {preamble}");
    Server::builder().config("appendonly yes").config("appendfsync always").config(preamble)
}

/// Takes, renews and releases leases.
fn fill(client: &mut Client, key: &str, count: usize) {
    let call = |n: usize| match n % 5 {
        3 => format!("LW.RENEW {key} {} 2h", n - 3),
        4 => format!("LW.RELEASE {key} {}", n - 3),
        _ => format!("LW.ACQUIRE {key} 100000 1h ID {n} COST {}", 1 + n % 4),
    };
    let lines: Vec<_> = (0..count).map(call).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    client.run_all(&lines).iter().for_each(|answer| assert!(!answer.is_error(), "{answer:?}"));
}

fn state(client: &mut Client) -> (Vec<u8>, Vec<u8>, i64, i64, String) {
    let expires = |client: &mut Client, key| client.run(&format!("PEXPIRETIME {key}")).int();
    let ends = (expires(client, "many"), expires(client, "few"));
    (client.dump("many"), client.dump("few"), ends.0, ends.1, client.run("DEBUG DIGEST").text())
}

#[test]
fn an_rdb_keeps_every_lease() {
    let mut server = Server::start();
    let mut client = server.client();
    fill(&mut client, "many", 6000);
    fill(&mut client, "few", 3);
    let before = state(&mut client);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    assert_eq!(state(&mut client), before);
    assert_eq!(client.run("SAVE").text(), "OK");
    server.check_rdb();
    server.kill();
    server.start_again();
    assert_eq!(state(&mut server.client()), before);
}

#[test]
fn an_aof_keeps_every_lease_before_and_after_a_rewrite() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        fill(&mut client, "many", 6000);
        fill(&mut client, "few", 3);
        let before = state(&mut client);
        server.kill();
        server.check_aof();
        server.start_again();
        let mut client = server.client();
        assert_eq!(state(&mut client), before);
        client.run("BGREWRITEAOF");
        client.wait_for_aof_rewrite();
        client.acquired("few 100 1h");
        client.release("many 0");
        let before = state(&mut client);
        server.kill();
        server.start_again();
        assert_eq!(state(&mut server.client()), before);
    }
}

#[test]
fn a_kill_under_load_loses_no_answered_call() {
    let rounds = if std::env::var_os("LOCKWATCH_SOAK").is_some() { 100 } else { 5 };
    let mut random = Random::new();
    let mut server = with_aof(if random.one_in(2) { "yes" } else { "no" }).start();
    // Whether each id's lease is held after the last answered call of its thread.
    let mut held: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..rounds {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let mut client = server.client();
                std::thread::spawn(move || {
                    let mut known = Vec::new();
                    for n in 0.. {
                        let id = format!("{round}:{thread}:{n}");
                        let acquire = ["LW.ACQUIRE", "k", "1000000", "1h", "ID", &id];
                        let Ok(_) = client.try_call(&acquire) else { return (known, Some(id)) };
                        if n % 2 == 0 {
                            known.push((id, true));
                        } else if client.try_call(&["LW.RELEASE", "k", &id]).is_ok() {
                            known.push((id, false));
                        } else {
                            return (known, Some(id));
                        }
                    }
                    (known, None)
                })
            })
            .collect();
        let mut watcher = server.client();
        wait_until("the clients work", || watcher.lease_info("acquired_total") > 200);
        server.kill();
        for thread in threads {
            held.extend(thread.join().unwrap().0);
        }
        server.start_again();
        let mut client = server.client();
        for (id, is_held) in &held {
            assert_eq!(client.renew(&format!("k {id} 1h")), i64::from(*is_held), "{id}");
        }
    }
    assert!(held.len() > 500, "{} leases", held.len());
}
