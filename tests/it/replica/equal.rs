//! After any mix of calls every copy equals the primary byte for byte.

use super::super::support::state::State;
use super::{primary, replica_of, settle, start_alone, workload};

#[test]
fn replicas_equal_their_primary_after_any_mix_of_calls() {
    let primary = primary();
    let replica = replica_of(&primary).config("repl-diskless-load swapdb").start();
    let sub_replica = replica_of(&replica).start();
    let with_aof = replica_of(&primary).config("appendonly yes").config("aof-use-rdb-preamble no").start();
    let copies = [&replica, &sub_replica, &with_aof];
    let mut client = primary.client();
    let mut workload = workload();
    workload.fill(&mut client);
    workload.short_lived_keys = true;
    for round in 0..4 {
        workload.calls(&mut client, 1000);
        if round == 1 {
            with_aof.client().run("BGREWRITEAOF");
        }
        settle(&primary, &copies);
        let truth = State::of(&mut client);
        copies.iter().for_each(|copy| truth.assert_same(&State::of(&mut copy.client())));
    }
    let truth = State::of(&mut client);
    let alone = start_alone(with_aof);
    truth.assert_same(&State::of(&mut alone.client()));
}

#[test]
fn a_replica_follows_every_command_that_moves_keys() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    let mut client = primary.client();
    let mut workload = workload();
    workload.fill(&mut client);
    let commands = [
        "RENAME merged renamed-again",
        "COPY costs renamed-again REPLACE",
        "COPY costs elsewhere DB 1",
        "MOVE burst 1",
        "PEXPIREAT at-limit 99999999999999",
        "PERSIST windows",
        "SWAPDB 0 1",
        "SET renamed-again text",
        "UNLINK hot",
    ];
    for command in commands {
        assert!(!client.run(command).is_error(), "{command}");
        client.ratelimit("after-each 1000 1h");
        client.ratelimit("windows 1000000 1h COST 2");
    }
    client.run("DEL renamed-again");
    settle(&primary, &[&replica]);
    State::of(&mut client).assert_same(&State::of(&mut replica.client()));
}

#[test]
fn debug_reload_of_the_primary_keeps_its_replica_in_sync() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    let mut client = primary.client();
    let mut workload = workload();
    workload.fill(&mut client);
    for _ in 0..2 {
        assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
        workload.calls(&mut client, 200);
        settle(&primary, &[&replica]);
        State::of(&mut client).assert_same(&State::of(&mut replica.client()));
    }
}

#[test]
fn an_expired_key_starts_empty_on_the_replica_too() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    let (mut client, mut there) = (primary.client(), replica.client());
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    for round in 0..20 {
        // Each call but the first finds that the previous call's key has expired.
        let (reply, at) = client.timed("LW.RATELIMIT k 1 20ms");
        assert_eq!(reply.ints()[0], 0, "round {round}");
        primary.wait_for_replica(&replica);
        while client.time_ms() < at.to + 20 {
            assert!(there.peek("k 1 20ms COST 0").remaining <= 1);
        }
        assert_eq!(there.peek("k 1 20ms COST 0").remaining, 1);
    }
    client.ratelimit("k 5 1h");
    settle(&primary, &[&replica]);
    State::of(&mut client).assert_same(&State::of(&mut there));
}
