//! A link that breaks in the middle of load: partial and full resynchronisation end with equal copies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::support::state::State;
use super::super::support::{Client, Server, wait_until};
use super::{alone, primary, replica_of, settle, workload};

#[test]
fn partial_resyncs_under_load_end_equal() {
    resyncs_under_load_end_equal("sync_partial_ok", |client| {
        client.run("CLIENT KILL TYPE replica");
    });
}

#[test]
fn full_resyncs_under_load_end_equal() {
    resyncs_under_load_end_equal("sync_full", |client| {
        client.run("DEBUG CHANGE-REPL-ID");
        client.run("CLIENT KILL TYPE replica");
    });
}

fn resyncs_under_load_end_equal(counter: &str, break_link: impl Fn(&mut Client)) {
    let primary = primary();
    let replica = replica_of(&primary).config("appendonly yes").start();
    let beneath = replica_of(&replica).start();
    let mut client = primary.client();
    workload().fill(&mut client);
    settle(&primary, &[&replica, &beneath]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = EndOnDrop(&done);
        for fleeting in [true, false] {
            let (mut client, done) = (primary.client(), &done);
            scope.spawn(move || {
                let mut workload = workload();
                workload.fleeting = fleeting;
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
    settle(&primary, &[&replica, &beneath]);
    let truth = State::of(&mut client);
    truth.assert_same(&State::of(&mut replica.client()));
    truth.assert_same(&State::of(&mut beneath.client()));
    let alone = alone(replica);
    truth.assert_same(&State::of(&mut alone.client()));
}

/// Ends the load also when the test fails, so that it can.
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
