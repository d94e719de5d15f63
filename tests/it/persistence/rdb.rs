//! SAVE, BGSAVE, DEBUG RELOAD.

use std::fs;

use super::super::support::state::State;
use super::super::support::{Client, wait_until};
use super::{builder, fill};

#[test]
fn a_restart_after_save_keeps_every_decision() {
    let mut server = builder().start();
    let mut client = server.client();
    fill(&mut client);
    let before = State::of(&mut client);
    assert_eq!(client.run("SAVE").text(), "OK");
    server.check_rdb();
    server.stop();
    server.start_again();
    before.assert_same(&State::of(&mut server.client()));
}

#[test]
fn a_kill_after_bgsave_keeps_every_decision() {
    let mut server = builder().start();
    let mut client = server.client();
    let mut workload = fill(&mut client);
    for _ in 0..2 {
        let before = State::of(&mut client);
        bgsave(&mut client);
        server.check_rdb();
        // These calls are not saved, so the kill loses them.
        workload.calls(&mut client, 50);
        server.kill();
        server.start_again();
        client = server.client();
        before.assert_same(&State::of(&mut client));
        // The loaded keys must work like the saved ones.
        workload.calls(&mut client, 200);
    }
}

#[track_caller]
fn bgsave(client: &mut Client) {
    client.run("BGSAVE");
    wait_until("BGSAVE ends", || client.info("persistence").number("rdb_bgsave_in_progress") == 0);
    assert_eq!(client.info("persistence").text("rdb_last_bgsave_status"), "ok");
}

#[test]
fn a_saved_value_is_smaller_than_in_memory() {
    let server = builder().config("rdbcompression no").start();
    let mut client = server.client();
    fill(&mut client);
    let value = client.run("MEMORY USAGE merged").int();
    let dump = client.run("DUMP merged").bytes().len() as i64;
    assert!(dump < value, "{dump} bytes of {value}");
    client.run("SAVE");
    let keys = State::of(&mut client).0.len() as u64;
    let file = fs::metadata(server.dir().join("dump.rdb")).expect("SAVE wrote it").len();
    assert!(file < 1000 + 400 * keys, "{file} bytes for {keys} keys");
}

#[test]
fn debug_reload_keeps_every_decision() {
    let server = builder().start();
    let mut client = server.client();
    let mut workload = fill(&mut client);
    for _ in 0..3 {
        let before = State::of(&mut client);
        assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
        before.assert_same(&State::of(&mut client));
        workload.calls(&mut client, 100);
    }
}
