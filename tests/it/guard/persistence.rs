//! Guards survive restarts and kills, from RDB and AOF.

use std::collections::BTreeMap;
use std::fs;

use super::bans::alerting;
use super::calls::{make, other_rules, state};
use super::{DAY, builder};
use crate::support::aof::{name_of, records};
use crate::support::{Builder, Client, Random, Server, wait_until};

fn with_aof(preamble: &str) -> Builder {
    let preamble = format!("aof-use-rdb-preamble {preamble}");
    builder().config("appendonly yes").config("appendfsync always").config(preamble)
}

/// Makes calls far in the future, so that no key expires by the server's own clock.
fn fill(client: &mut Client, count: usize) {
    let mut random = Random::new();
    let mut now = client.time_ms() + 10 * DAY;
    for _ in 0..count / 50 {
        now += random.within(0..=60_000) as i64;
        client.stop_clock(now);
        make(client, &mut random, 50);
    }
}

#[test]
fn an_rdb_keeps_every_guard() {
    let mut server = builder().start();
    let mut client = server.client();
    fill(&mut client, 2000);
    let before = state(&mut client);
    assert_eq!(before.len(), 3);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    assert!(state(&mut client) == before);
    assert_eq!(client.run("SAVE").text(), "OK");
    server.check_rdb();
    server.kill();
    server.start_again();
    assert!(state(&mut server.client()) == before);
    let loaded = other_rules().data_dir(server.into_data()).start();
    assert!(state(&mut loaded.client()) == before, "with other rules");
}

#[test]
fn an_aof_keeps_every_guard_before_and_after_a_rewrite() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        fill(&mut client, 1000);
        let before = state(&mut client);
        server.kill();
        server.check_aof();
        server.start_again();
        let mut client = server.client();
        assert!(state(&mut client) == before, "{preamble}");
        client.run("BGREWRITEAOF");
        client.wait_for_aof_rewrite();
        fill(&mut client, 200);
        let before = state(&mut client);
        server.kill();
        server.start_again();
        assert!(state(&mut server.client()) == before, "{preamble}, rewritten");
    }
}

#[test]
fn an_effect_that_is_sent_twice_changes_nothing() {
    let mut server = with_aof("no").start();
    let mut client = server.client();
    let mut random = Random::new();
    let later = client.time_ms() + DAY;
    client.stop_clock(later);
    make(&mut client, &mut random, 600);
    let before = state(&mut client);
    server.stop();
    let file = server.aof_file(".incr.aof");
    let all = records(&fs::read(&file).unwrap());
    let effects: Vec<_> = all.iter().filter(|record| name_of(record) == "LW._GUARD").collect();
    assert!(effects.len() > 100, "{}", effects.len());
    for round in 0..3 {
        let double =
            |record: &Vec<u8>| if effects.contains(&record) { record.repeat(2) } else { record.clone() };
        let edited: Vec<u8> = match round {
            0 => all.iter().flat_map(double).collect(),
            _ => {
                let from = random.below(effects.len());
                let tail = effects[from..].iter().map(|record| record.to_vec());
                all.iter().cloned().chain(tail).flatten().collect()
            }
        };
        fs::write(&file, edited).unwrap();
        server.start_again();
        assert!(state(&mut server.client()) == before, "round {round}");
        server.stop();
    }
    fs::write(&file, all.concat()).unwrap();
    server.start_again();
}

#[test]
fn a_kill_under_load_loses_no_answered_call() {
    let rounds = if std::env::var_os("LOCKWATCH_SOAK").is_some() { 50 } else { 4 };
    let mut server = with_aof("no").start();
    let mut is_banned: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..rounds {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let mut client = server.client();
                std::thread::spawn(move || {
                    let mut known = Vec::new();
                    for n in 0.. {
                        let user = format!("{round}:{thread}:{n}");
                        let ban = ["LW.BAN", "login", "USER", &user, "FOR", "1h"];
                        let event = ["LW.EVENT", "login", "failure", "IP", "203.0.113.7", "USER", &user];
                        let lift = ["LW.LIFT", "login", "USER", &user];
                        if client.try_call(&ban).is_err() {
                            return known;
                        }
                        if n % 2 == 0 {
                            known.push((user, true));
                        } else if client.try_call(&event).is_ok() && client.try_call(&lift).is_ok() {
                            known.push((user, false));
                        } else {
                            return known;
                        }
                    }
                    known
                })
            })
            .collect();
        let mut watcher = server.client();
        let before = watcher.guard_info("bans");
        wait_until("the clients work", || watcher.guard_info("bans") > before + 100);
        server.kill();
        for thread in threads {
            is_banned.extend(thread.join().unwrap());
        }
        server.start_again();
        let mut client = server.client();
        for (user, banned) in &is_banned {
            let verdict = client.check(&format!("USER {user}")).verdict;
            assert_eq!(verdict, if *banned { 2 } else { 0 }, "{user}");
        }
    }
}

#[test]
fn a_ban_its_alert_and_its_audit_event_are_one_step() {
    let server: Server = alerting();
    let mut client = server.client();
    for (name, value) in [("aof-use-rdb-preamble", "no"), ("appendfsync", "always"), ("appendonly", "yes")] {
        client.run(&format!("CONFIG SET {name} {value}"));
    }
    wait_until("the AOF is on", || client.info("persistence").number("aof_enabled") == 1);
    client.wait_for_aof_rewrite();
    client.freeze();
    (0..10).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    (0..5).for_each(|_| drop(client.attempt("IP 203.0.113.8 USER alice")));
    let mut length = fs::read(server.aof_file(".incr.aof")).unwrap().len();
    let mut written = |client: &mut Client, line: &str| {
        assert!(!client.run(line).is_error(), "{line}");
        let aof = fs::read(server.aof_file(".incr.aof")).unwrap();
        let names: Vec<String> = records(&aof[length..]).iter().map(|record| name_of(record)).collect();
        length = aof.len();
        names.into_iter().filter(|name| name != "SELECT").collect::<Vec<_>>()
    };
    let both = ["MULTI", "LW._ALERTS", "LW._AUDIT", "LW._GUARD", "EXEC"];
    for line in [
        "LW.EVENT login failure IP 203.0.113.7 USER user10",
        "LW.BAN login IP 203.0.113.9 FOR 1h",
        "LW.ALLOW login IP 203.0.113.9 FOR 1h",
        "LW.LIFT login IP 203.0.113.9",
    ] {
        assert_eq!(written(&mut client, line), both, "{line}");
    }
    let challenge = "LW.ATTEMPT login IP 203.0.113.8 USER alice";
    assert_eq!(written(&mut client, challenge), ["MULTI", "LW._AUDIT", "LW._GUARD", "EXEC"]);
    assert_eq!(written(&mut client, challenge), [""; 0]);
    let attempt = "LW.ATTEMPT login IP 203.0.113.10 USER alice";
    assert_eq!(written(&mut client, attempt), ["LW._GUARD"]);
}
