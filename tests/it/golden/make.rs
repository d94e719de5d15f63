//! Makes a golden set with the server under test.

use std::fs;
use std::path::Path;

use crate::support::replication::{Recorder, command};
use crate::support::tokens::Keys;
use crate::support::{Client, Server};

use super::listing::{ACTS, list};
use super::scene::{BEGIN, Scene, Surroundings};
use super::set::{LAST, Set, Source, builder};

/// Makes a set in `dir`, which is created.
#[track_caller]
pub fn make(dir: &Path, keys: &Keys) {
    let around = Surroundings::start();
    let primary = primary(keys, &around);
    let mut client = primary.client();
    let mut scene = Scene::new(primary.client(), &around);
    scene.play(ACTS[0]);
    // The first act is in the base of the AOFs and in the RDB for replicas, the second behind it.
    rewrite(&mut client);
    let follower = follower(keys, &primary);
    let recorder = Recorder::attach(&primary);
    let clock = scene.play(ACTS[1]);
    let live = list(&mut client);
    client.run(&LAST.join(" "));
    let recording = recorder.record_until(&LAST);
    primary.wait_for_replica(&follower);
    let set = save(dir, &primary, clock, &around);
    set.pack("base.rdb", &fs::read(follower.aof_file(".base.rdb")).expect("the base"));
    set.pack("sync.rdb", &recording.rdb);
    set.pack("stream", &recording.stream);
    // One file serves for all three.
    for server in [&primary, &follower] {
        let added = fs::read(server.aof_file(".incr.aof")).expect("the commands after the base");
        assert!([added, command(&LAST)].concat() == recording.stream, "the AOF differs from the stream");
    }
    expect(&set, keys, &live);
}

/// Like [`make`], of large values: an AOF in which nothing follows the base.
#[track_caller]
pub fn make_large(dir: &Path, keys: &Keys) {
    let around = Surroundings::start();
    let primary = primary(keys, &around);
    let mut client = primary.client();
    let clock = Scene::new(primary.client(), &around).play_large(ACTS[1]);
    let live = list(&mut client);
    rewrite(&mut client);
    let set = save(dir, &primary, clock, &around);
    set.pack("stream", &command(&LAST));
    expect(&set, keys, &live);
}

/// Saves an RDB, the base of the AOF and the settings of `primary`.
fn save(dir: &Path, primary: &Server, clock: i64, around: &Surroundings) -> Set {
    fs::create_dir_all(dir).expect("a directory");
    assert_eq!(primary.client().run("SAVE").text(), "OK");
    let set = Set::at(dir);
    set.pack("dump.rdb", &fs::read(primary.dir().join("dump.rdb")).expect("the RDB"));
    set.pack("base.aof", &fs::read(primary.aof_file(".base.aof")).expect("the base"));
    let settings = format!("clock {clock}\nwebhook-urls {}\n", around.urls());
    fs::write(set.path("settings"), settings).expect("the file is written");
    set
}

fn primary(keys: &Keys, around: &Surroundings) -> Server {
    builder(keys, BEGIN)
        .shipping_to(&around.postgres, "audit")
        .config(format!("lockwatch.webhook-urls \"{}\"", around.urls()))
        .config("appendonly yes")
        .config("appendfsync always")
        .config("aof-use-rdb-preamble no")
        .config("repl-diskless-sync no")
        // The recorder acknowledges nothing.
        .config("repl-timeout 600")
        .start()
}

/// A replica whose AOF has an RDB preamble.
fn follower(keys: &Keys, primary: &Server) -> Server {
    let follower = builder(keys, BEGIN)
        .config("appendonly yes")
        .config("appendfsync always")
        .config("aof-use-rdb-preamble yes")
        .replica_of(primary)
        .start();
    primary.wait_for_replica(&follower);
    follower.client().wait_for_aof_rewrite();
    follower
}

fn rewrite(client: &mut Client) {
    assert!(!client.run("BGREWRITEAOF").is_error());
    client.wait_for_aof_rewrite();
}

/// Writes what a server shows that has loaded the RDB. The server that made the files must have
/// shown the same.
#[track_caller]
fn expect(set: &Set, keys: &Keys, live: &[String]) {
    let server = set.start(Source::Rdb, keys).unwrap_or_else(|log| panic!("it does not load:\n{log}"));
    let listing = list(&mut server.client()).join("\n") + "\n";
    super::listing::assert_shows(live, &listing, "the server that made the files");
    fs::write(set.path("expected.txt"), listing).expect("the file is written");
}
