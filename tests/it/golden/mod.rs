//! Golden files: data of this version's servers, which every later version must load to the same
//! state. See `tests/data/golden/README.md`.

mod continues;
mod damage;
mod effects;
mod listing;
mod make;
mod rdb;
mod scene;
mod set;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::replication::RecordedPrimary;
use crate::support::tokens::Keys;
use crate::support::wait_until;

use continues::assert_continues;
use listing::{assert_shows, list};
use rdb::{Format, is_refusal};
use set::{CURRENT, Set, Source, follow, replay};

#[test]
fn files_made_now_load_to_the_state_of_the_server_that_made_them() {
    let keys = Keys::new();
    let (dir, _temporary) = place("made");
    make::make(&dir, &keys);
    assert_loads(&Set::at(dir), &Format::of_server(), &keys);
}

#[test]
fn files_of_large_values_made_now_load_to_the_state_of_the_server_that_made_them() {
    let keys = Keys::new();
    let (dir, _temporary) = place("large");
    make::make_large(&dir, &keys);
    assert_loads(&Set::at(dir), &Format::of_server(), &keys);
}

/// Where files are made: in the directory in `LOCKWATCH_GOLDEN`, by `scripts/golden.sh`, or in a
/// temporary one.
fn place(name: &str) -> (PathBuf, TempDir) {
    let temporary = TempDir::with_prefix("lockwatch-golden-").unwrap();
    let kept = std::env::var_os("LOCKWATCH_GOLDEN").map(PathBuf::from);
    (kept.unwrap_or_else(|| temporary.path().join(name)), temporary)
}

#[test]
fn every_golden_file_loads_to_the_same_state_or_is_refused_by_the_server() {
    let (keys, own) = (Keys::new(), Format::of_server());
    let sets = Set::all(CURRENT);
    assert_eq!(sets.len(), 5);
    sets.iter().for_each(|set| assert_loads(set, &own, &keys));
}

/// Asserts that the server under test, whose RDBs have the format `own`, loads a set to the
/// expected state and goes on from there, or refuses what it can't read.
#[track_caller]
fn assert_loads(set: &Set, own: &Format, keys: &Keys) {
    for source in set.sources() {
        let who = format!("{} {source:?}", set.name());
        let reads = set.rdb_of(source).is_none_or(|rdb| own.reads(&Format::of(&rdb)));
        if !reads {
            assert_is_refused(set, source, keys, &who);
            continue;
        }
        let server = set.start(source, keys).unwrap_or_else(|log| panic!("{who} does not load:\n{log}"));
        if source == Source::Stream {
            replay(&server, set.recording());
        }
        let mut client = server.client();
        assert_shows(&list(&mut client), &set.text("expected.txt"), &who);
        if set.is_complete() {
            assert_continues(&mut client, set.clock());
        }
    }
}

#[track_caller]
fn assert_is_refused(set: &Set, source: Source, keys: &Keys, who: &str) {
    if source != Source::Stream {
        let log = set.start(source, keys).err().unwrap_or_else(|| panic!("{who} is loaded"));
        assert!(is_refusal(&log), "{who}:\n{log}");
        return;
    }
    let server = set.builder(keys).start();
    let primary = RecordedPrimary::start(set.recording());
    let mut client = server.client();
    follow(&mut client, &primary);
    wait_until("the replica refuses the RDB", || is_refusal(&server.log()));
    client.run("REPLICAOF NO ONE");
    assert_eq!(client.run("DBSIZE").int(), 0, "{who}");
}
