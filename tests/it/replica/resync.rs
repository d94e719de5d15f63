//! The replication link breaks under load. After a partial or full resynchronisation the copies are
//! equal.

use super::super::support::state::State;
use super::super::support::{Client, Server, Stop, beside, wait_until};
use super::{primary, replica_of, settle, start_alone, workload};

#[test]
fn copies_are_equal_after_partial_resyncs_under_load() {
    assert_copies_are_equal_after_resyncs("sync_partial_ok", |client| {
        client.run("CLIENT KILL TYPE replica");
    });
}

#[test]
fn copies_are_equal_after_full_resyncs_under_load() {
    assert_copies_are_equal_after_resyncs("sync_full", |client| {
        client.run("DEBUG CHANGE-REPL-ID");
        client.run("CLIENT KILL TYPE replica");
    });
}

fn assert_copies_are_equal_after_resyncs(counter: &str, break_link: impl Fn(&mut Client)) {
    let primary = primary();
    let replica = replica_of(&primary).config("appendonly yes").start();
    let sub_replica = replica_of(&replica).start();
    let mut client = primary.client();
    workload().fill(&mut client);
    settle(&primary, &[&replica, &sub_replica]);
    let load = |thread, stop: &Stop| {
        let (mut client, mut workload) = (primary.client(), workload());
        workload.short_lived_keys = thread == 0;
        while !stop.is_set() {
            workload.calls(&mut client, 20);
        }
    };
    beside(2, load, || {
        for _ in 0..4 {
            let before = count(&primary, counter);
            break_link(&mut client);
            wait_until("the replica is back", || count(&primary, counter) > before && is_up(&replica));
            assert_eq!(count(&primary, "sync_partial_err") > 0, counter == "sync_full");
        }
    });
    settle(&primary, &[&replica, &sub_replica]);
    let truth = State::of(&mut client);
    truth.assert_same(&State::of(&mut replica.client()));
    truth.assert_same(&State::of(&mut sub_replica.client()));
    let alone = start_alone(replica);
    truth.assert_same(&State::of(&mut alone.client()));
}

fn count(primary: &Server, counter: &str) -> i64 {
    primary.info("stats").number(counter)
}

fn is_up(replica: &Server) -> bool {
    replica.info("replication").text("master_link_status") == "up"
}
