//! The replication link breaks under load. After a partial or full resynchronisation the copies are
//! equal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::support::state::State;
use super::super::support::{Client, Server, wait_until};
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
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = EndOnDrop(&done);
        for short_lived_keys in [true, false] {
            let (mut client, done) = (primary.client(), &done);
            scope.spawn(move || {
                let mut workload = workload();
                workload.short_lived_keys = short_lived_keys;
                while !done.load(Ordering::Relaxed) {
                    workload.calls(&mut client, 20);
                }
            });
        }
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

/// Stops the load threads also when the test fails. Otherwise the scope would wait for them
/// forever.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn count(primary: &Server, counter: &str) -> i64 {
    primary.info("stats").number(counter)
}

fn is_up(replica: &Server) -> bool {
    replica.info("replication").text("master_link_status") == "up"
}
