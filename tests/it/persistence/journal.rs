//! Rewrites of the AOF keep alerts and audit events: while writes are paused, during a failover,
//! and when the server is killed at any point. The server's main thread writes nothing for them.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::support::{Builder, Client, Random, Server, wait_until};

const PREAMBLES: [&str; 2] = ["yes", "no"];

fn with_aof(preamble: &str) -> Builder {
    Server::builder()
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
}

/// The ids of the alerts and of the audit events of a server.
#[derive(Debug, PartialEq)]
struct Ids {
    alerts: Vec<String>,
    events: Vec<String>,
}

impl Ids {
    #[track_caller]
    fn of(client: &mut Client) -> Self {
        let alerts = client.run("LW.ALERTS LIST COUNT 100000");
        Self {
            alerts: alerts.items().iter().map(|alert| alert.field("id").text()).collect(),
            events: client.audit_log("COUNT 10000").into_iter().map(|event| event.id).collect(),
        }
    }
}

/// Records alerts and audit events, and removes a few of the alerts.
#[track_caller]
fn fill(client: &mut Client) -> Ids {
    for n in 0..300 {
        client.audit(&format!("USER {n}"));
    }
    for n in 0..30 {
        let id = client.run(&format!("LW.ALERT type.{n} {{}}")).text();
        if n % 3 == 0 {
            assert_eq!(client.run(&format!("LW.ALERTS DISCARD {id}")).int(), 1);
        }
    }
    let ids = Ids::of(client);
    assert_eq!((ids.alerts.len(), ids.events.len()), (20, 300));
    ids
}

/// Rewrites the AOF.
#[track_caller]
fn rewrite(client: &mut Client) {
    assert!(!client.run("BGREWRITEAOF").is_error());
    client.wait_for_aof_rewrite();
}

#[track_caller]
fn kill_and_start_again(server: &mut Server) -> Client {
    server.kill();
    server.check_aof();
    server.start_again();
    server.client()
}

#[test]
fn a_rewrite_while_writes_are_paused_loses_nothing() {
    for preamble in PREAMBLES {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        let before = fill(&mut client);
        assert_eq!(client.run("CLIENT PAUSE 600000 WRITE").text(), "OK");
        rewrite(&mut client);
        let mut client = kill_and_start_again(&mut server);
        assert_eq!(Ids::of(&mut client), before, "preamble {preamble}");
    }
}

#[test]
fn a_pause_that_follows_a_rewrite_at_once_loses_nothing() {
    for preamble in PREAMBLES {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        let before = fill(&mut client);
        client.pipeline(&[vec!["BGREWRITEAOF"], vec!["CLIENT", "PAUSE", "600000", "WRITE"]]);
        client.wait_for_aof_rewrite();
        let mut client = kill_and_start_again(&mut server);
        assert_eq!(Ids::of(&mut client), before, "preamble {preamble}");
    }
}

#[test]
fn a_rewrite_during_a_failover_loses_nothing() {
    for preamble in PREAMBLES {
        let mut primary = with_aof(preamble).start();
        let mut client = primary.client();
        let replica = Server::builder().replica_of(&primary).start();
        primary.wait_for_replica(&replica);
        let stopped = Stopped::process(replica.info("server").number("process_id"));
        let before = fill(&mut client);
        // The replica has not caught up, so the failover waits, and with it all writes.
        assert_eq!(client.run("FAILOVER").text(), "OK");
        assert_eq!(client.info("replication").text("master_failover_state"), "waiting-for-sync");
        rewrite(&mut client);
        assert_eq!(client.info("replication").text("master_failover_state"), "waiting-for-sync");
        let mut client = kill_and_start_again(&mut primary);
        assert_eq!(Ids::of(&mut client), before, "preamble {preamble}");
        drop(stopped);
    }
}

/// A process that gets no CPU until drop.
struct Stopped(i64);

impl Stopped {
    #[track_caller]
    fn process(pid: i64) -> Self {
        let stopped = Self(pid);
        stopped.signal("-STOP");
        stopped
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.0.to_string()]).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

#[test]
fn an_aof_that_is_enabled_while_writes_are_paused_holds_everything() {
    for preamble in PREAMBLES {
        let mut server = Server::builder().config(format!("aof-use-rdb-preamble {preamble}")).start();
        let mut client = server.client();
        let before = fill(&mut client);
        assert_eq!(client.run("CLIENT PAUSE 600000 WRITE").text(), "OK");
        assert_eq!(client.run("CONFIG SET appendonly yes").text(), "OK");
        client.wait_for_aof_rewrite();
        assert_eq!(client.run("CONFIG REWRITE").text(), "OK");
        let mut client = kill_and_start_again(&mut server);
        assert_eq!(Ids::of(&mut client), before, "preamble {preamble}");
    }
}

#[test]
fn a_replica_rewrites_its_own_aof_with_everything() {
    for preamble in PREAMBLES {
        let primary = Server::start();
        let mut replica = with_aof(preamble).replica_of(&primary).start();
        primary.wait_for_replica(&replica);
        let before = fill(&mut primary.client());
        primary.wait_for_replica(&replica);
        replica.client().wait_for_aof_rewrite();
        rewrite(&mut replica.client());
        drop(primary);
        let mut client = kill_and_start_again(&mut replica);
        assert_eq!(Ids::of(&mut client), before, "preamble {preamble}");
    }
}

#[test]
fn the_main_thread_appends_no_journal_after_a_rewrite() {
    for preamble in PREAMBLES {
        let server = with_aof(preamble).start();
        let mut client = server.client();
        fill(&mut client);
        rewrite(&mut client);
        // A few commands, each of which is a turn of the event loop.
        (0..5).for_each(|_| drop(client.run("SET key value")));
        let appended = fs::metadata(server.aof_file(".incr.aof")).expect("it exists").len();
        assert!(appended < 1000, "preamble {preamble}: {appended} bytes");
    }
}

#[test]
fn a_kill_at_any_point_of_a_rewrite_loses_nothing() {
    let mut random = Random::new();
    for preamble in PREAMBLES {
        let mut server = with_aof(preamble).start();
        (0..40).for_each(|n| drop(server.client().run(&format!("SET key:{n} {n}"))));
        let mut acknowledged = Vec::new();
        for round in 0..12 {
            // The delay per key, in microseconds, makes a rewrite of 40 keys take 40 ms.
            server.client().run("CONFIG SET rdb-key-save-delay 1000");
            let records = random.below(200);
            let is_rewriting = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut client = server.client();
                    client.wait_for_aof_rewrite();
                    client.run("BGREWRITEAOF");
                    is_rewriting.store(true, Ordering::SeqCst);
                });
                let mut client = server.client();
                wait_until("a rewrite begins", || {
                    acknowledged.push(client.audit(&format!("USER {round}")));
                    is_rewriting.load(Ordering::SeqCst)
                });
                for _ in 0..records {
                    acknowledged.push(client.audit(&format!("USER {round}")));
                }
            });
            let mut client = kill_and_start_again(&mut server);
            let mut ids: Vec<_> = client.audit_log("COUNT 10000").into_iter().map(|event| event.id).collect();
            ids.sort();
            acknowledged.sort();
            assert!(
                ids == acknowledged,
                "preamble {preamble}, round {round}: {} of {}",
                ids.len(),
                acknowledged.len()
            );
        }
    }
}
