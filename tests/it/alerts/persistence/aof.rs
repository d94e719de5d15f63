//! Alerts in the append-only file, appended and rewritten.

use std::fs;

use super::{Snapshot, assert_all_arrive, builder, fill, receivers, with_aof};
use crate::alerts::raise;
use crate::support::{Client, poll_until, wait_until};

#[test]
fn an_aof_with_or_without_preamble_keeps_every_alert() {
    for preamble in ["yes", "no"] {
        let receivers = receivers();
        let mut server = with_aof(&receivers.each_ref(), preamble).start();
        let before = fill(&mut server.client(), &receivers);
        server.kill();
        server.check_aof();
        server.start_again();
        assert_eq!(Snapshot::of(&mut server.client()), before, "preamble {preamble}");
        server.stop();
        server.start_again();
        let mut client = server.client();
        assert_eq!(Snapshot::of(&mut client), before, "preamble {preamble}");
        assert_eq!(client.run("DEBUG LOADAOF").text(), "OK");
        assert_eq!(Snapshot::of(&mut client), before, "preamble {preamble}");
        assert_all_arrive(&mut client, &receivers, &before);
    }
}

#[test]
fn a_rewrite_with_or_without_preamble_keeps_every_alert() {
    for preamble in ["yes", "no"] {
        let receivers = receivers();
        let mut server = with_aof(&receivers.each_ref(), preamble).start();
        let mut client = server.client();
        (0..50).for_each(|i| drop(client.run(&format!("SET key:{i} {i}"))));
        fill(&mut client, &receivers);
        for round in 0..3 {
            rewrite(&mut client, round);
            let before = Snapshot::of(&mut client);
            server.kill();
            server.check_aof();
            server.start_again();
            client = server.client();
            assert_eq!(Snapshot::of(&mut client), before, "preamble {preamble}");
        }
        let before = Snapshot::of(&mut client);
        assert_all_arrive(&mut client, &receivers, &before);
    }
}

/// Runs BGREWRITEAOF while alerts are raised and discarded.
#[track_caller]
fn rewrite(client: &mut Client, round: usize) {
    let in_progress = |client: &mut Client| client.info("persistence").number("aof_rewrite_in_progress") == 1;
    wait_until("no other rewrite is running", || !in_progress(client));
    client.run("CONFIG SET rdb-key-save-delay 10000");
    assert!(!client.run("BGREWRITEAOF").is_error());
    let mut during = 0;
    poll_until("the rewrite ends", || {
        if !in_progress(client) {
            return Some(());
        }
        let ids = raise(client, &format!("during.{round}.{during}"), 3);
        assert_eq!(client.run(&format!("LW.ALERTS DISCARD {}", ids[0])).int(), 1);
        during += 1;
        None
    });
    assert!(during > 0, "no alert was raised during the rewrite");
    assert_eq!(client.info("persistence").text("aof_last_bgrewrite_status"), "ok");
    client.run("CONFIG SET rdb-key-save-delay 0");
}

#[test]
fn an_aof_that_is_enabled_later_holds_every_alert() {
    for preamble in ["yes", "no"] {
        let receivers = receivers();
        let mut server =
            builder(&receivers.each_ref()).config(format!("aof-use-rdb-preamble {preamble}")).start();
        let mut client = server.client();
        fill(&mut client, &receivers);
        client.run("CONFIG SET appendfsync always");
        assert_eq!(client.run("CONFIG SET appendonly yes").text(), "OK");
        client.wait_for_aof_rewrite();
        assert_eq!(client.run("CONFIG REWRITE").text(), "OK");
        let before = Snapshot::of(&mut client);
        server.kill();
        server.start_again();
        assert_eq!(Snapshot::of(&mut server.client()), before, "preamble {preamble}");
    }
}

#[test]
fn a_malformed_internal_command_in_the_aof_does_no_harm() {
    for payload in ["", "\u{1}", "nonsense", "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}"] {
        let receivers = receivers();
        let mut server = with_aof(&receivers.each_ref(), "no").may_panic().start();
        raise(&mut server.client(), "before", 3);
        server.stop();
        let path = server.aof_file(".incr.aof");
        let mut aof = fs::read(&path).unwrap();
        aof.extend_from_slice(
            format!("*2\r\n$10\r\nLW._ALERTS\r\n${}\r\n{payload}\r\n", payload.len()).as_bytes(),
        );
        fs::write(&path, aof).unwrap();
        let started = with_aof(&receivers.each_ref(), "no").data_dir(server.into_data()).try_start();
        match started {
            Ok(server) => assert_eq!(server.client().waiting().len(), 3, "{payload:?}"),
            Err(log) => assert!(!log.contains("crashed by signal") && !log.contains("panic"), "{log}"),
        }
    }
}
