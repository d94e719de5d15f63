//! Applying an effect a second time changes nothing.

use std::fs;

use super::super::support::aof::{Records, records};
use super::super::support::state::State;
use super::super::support::workload::{MAX_ENTRIES, Workload};
use super::super::support::{Client, Random, Server, wait_until};
use super::with_aof;

#[test]
fn effects_duplicated_in_the_aof_count_once() {
    let repeat_each = |records: &[Vec<u8>], _: &mut Random| {
        let double = |record: &Vec<u8>| if is_effect(record) { record.repeat(2) } else { record.clone() };
        records.iter().map(double).collect()
    };
    load_of_a_changed_aof_keeps_every_decision(repeat_each);
}

#[test]
fn a_tail_of_effects_duplicated_in_the_aof_counts_once() {
    let repeat_tail = |records: &[Vec<u8>], random: &mut Random| {
        let from = random.below(records.len());
        let tail = records[from..].iter().filter(|record| is_effect(record)).cloned();
        [records.to_vec(), tail.collect()].concat()
    };
    for _ in 0..3 {
        load_of_a_changed_aof_keeps_every_decision(repeat_tail);
    }
}

#[test]
fn an_effect_repeated_after_later_ones_changes_nothing() {
    let mut server = with_aof(false).start();
    let mut client = server.client();
    // The second call's effect extends the expiry. Repeating the first effect must not shorten it
    // again.
    client.ratelimit("k 5 1m");
    client.ratelimit("k 5 1h");
    client.ratelimit("k 5 1h");
    let before = State::of(&mut client);
    for nth in 0..3 {
        server.stop();
        edit_aof(&server, |records| {
            let effect = records.iter().filter(|record| is_effect(record)).nth(nth).expect("three effects");
            [records, std::slice::from_ref(effect)].concat()
        });
        server.start_again();
        before.assert_same(&State::of(&mut server.client()));
    }
}

fn load_of_a_changed_aof_keeps_every_decision(change: fn(&[Vec<u8>], &mut Random) -> Records) {
    let mut server = with_aof(false).start();
    let mut client = server.client();
    // Only calls that produce effects: a DEL, RENAME or COPY that is not repeated would change the
    // result.
    let mut workload = Workload::new(Random::new());
    workload.calls(&mut client, 500);
    workload.spread(&mut client, b"merged", "100000 1h", 4 * usize::from(MAX_ENTRIES));
    workload.spread_bursts(&mut client, b"calls:merged", "7 1h COOLDOWN 20ms", 4 * usize::from(MAX_ENTRIES));
    workload.calls(&mut client, 100);
    give_back(&mut client);
    let before = State::of(&mut client);
    server.stop();
    let mut random = Random::new();
    edit_aof(&server, |records| change(records, &mut random));
    server.check_aof();
    server.start_again();
    before.assert_same(&State::of(&mut server.client()));
}

/// Makes refunds, settlements and forced calls. Some refund the newest units, and one the last of a
/// key.
#[track_caller]
fn give_back(client: &mut Client) {
    let mut time = 0;
    let mut record = |client: &mut Client, key: &str| {
        wait_until("the clock moves on", || client.time_ms() > time);
        time = client.run(&format!("LW.RATELIMIT {key} 9 1h COST 5 FORCE WITHTIME")).ints()[5];
        time
    };
    for n in 0..3 * i64::from(MAX_ENTRIES) {
        let at = record(client, "returned");
        match n % 4 {
            0 => assert_eq!(client.run(&format!("LW.REFUND returned 5 AT {at}")).int(), 5),
            1 => assert_eq!(client.run(&format!("LW.SETTLE returned 5 7 AT {at}")).ints()[1], 2),
            2 => assert_eq!(client.run(&format!("LW.SETTLE returned 5 2 AT {at}")).ints()[0], 3),
            _ => {}
        }
    }
    let at = record(client, "gone");
    assert_eq!(client.run(&format!("LW.REFUND gone 9 AT {at}")).int(), 5);
}

fn is_effect(record: &[u8]) -> bool {
    let names = [b"LW._WINDOW".as_slice(), b"LW._BURST"];
    names.iter().any(|name| record.windows(name.len()).any(|word| word.eq_ignore_ascii_case(name)))
}

/// Edits the AOF of a stopped server.
#[track_caller]
fn edit_aof(server: &Server, edit: impl FnOnce(&[Vec<u8>]) -> Records) {
    let file = server.aof_file(".incr.aof");
    let records = records(&fs::read(&file).expect("the AOF can be read"));
    let edited = edit(&records);
    assert!(edited.len() > records.len() || edited.concat().len() > records.concat().len());
    fs::write(&file, edited.concat()).expect("the AOF can be written");
}
