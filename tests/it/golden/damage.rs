//! A damaged golden file is refused, or loads. It never crashes a server.

use crate::support::aof::{name_of, records, words};
use crate::support::replication::Recording;
use crate::support::tokens::Keys;
use crate::support::{Client, Random};

use super::set::{CURRENT, File, Set, Source, replay};

/// The number of damaged copies of a file. Each starts a server.
const COPIES: usize = 100;
/// The number of damaged streams, in each of which every twentieth command is damaged.
const STREAMS: usize = 20;

/// The set that every server reads.
fn oldest() -> Set {
    Set::at(format!("{CURRENT}/redis-7.0"))
}

#[test]
fn a_damaged_rdb_is_refused_or_loads() {
    assert_survives(Source::Rdb, Random::seeded(1));
}

#[test]
fn a_damaged_aof_is_refused_or_loads() {
    assert_survives(Source::Aof, Random::seeded(2));
}

#[track_caller]
fn assert_survives(source: Source, mut random: Random) {
    let (set, keys) = (oldest(), Keys::new());
    let data = set.data(source);
    let is_manifest = |file: &File| file.0.to_string_lossy().ends_with(".manifest");
    let damageable: Vec<usize> = (0..data.len()).filter(|i| !is_manifest(&data[*i])).collect();
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..COPIES {
        let mut copy = data.clone();
        let (path, bytes) = &mut copy[*random.pick(&damageable)];
        let (at, bits) = (random.below(bytes.len()), random.within(1..=255) as u8);
        bytes[at] ^= bits;
        let what = format!("{path:?} with byte {at} xor {bits:#x}");
        // Without its checksum, so that the damage is found by those who read it.
        let builder = set.builder(&keys).config("rdbchecksum no").may_repeat("");
        match set.start_from(source, builder, &copy) {
            Ok(server) => {
                use_all(&mut server.client());
                loaded += 1;
            }
            Err(log) => {
                assert_refuses(&log, &what);
                refused += 1;
            }
        }
    }
    eprintln!("{loaded} loaded, {refused} were refused");
    assert!(loaded > 0 && refused > 0, "{loaded} loaded, {refused} were refused");
}

/// Asserts that a server has ended by itself.
#[track_caller]
fn assert_refuses(log: &str, what: &str) {
    let faults = ["BUG REPORT", "crashed by signal", "panic", "ASSERTION FAILED", "no answer within"];
    let fault = faults.iter().find(|fault| log.contains(**fault));
    assert!(fault.is_none(), "{what}: {fault:?}\n{log}");
}

#[test]
fn a_damaged_stream_never_crashes_a_replica() {
    let (set, keys) = (oldest(), Keys::new());
    let mut random = Random::seeded(3);
    let server = set.builder(&keys).may_repeat("").start();
    let Recording { rdb, stream } = set.recording();
    for _ in 0..STREAMS {
        let mut damaged = stream.clone();
        damage_payloads(&mut damaged, &mut random);
        replay(&server, Recording { rdb: rdb.clone(), stream: damaged });
        use_all(&mut server.client());
    }
}

/// Damages a byte of the payload of every twentieth effect.
fn damage_payloads(stream: &mut [u8], random: &mut Random) {
    let mut at = 0;
    for record in records(stream) {
        let payload = words(&record).pop().expect("a command has words");
        if name_of(&record).starts_with("LW._") && random.one_in(20) {
            stream[at + payload.start + random.below(payload.len())] ^= random.within(1..=255) as u8;
        }
        at += record.len();
    }
}

/// Makes the server read everything that it holds.
#[track_caller]
fn use_all(client: &mut Client) {
    for db in [0, 1] {
        client.run(&format!("SELECT {db}"));
        for name in client.run("KEYS *").items() {
            for call in [&["DEBUG", "DIGEST-VALUE"][..], &["LW.INSPECT"], &["MEMORY", "USAGE"], &["DUMP"]] {
                let words = call.iter().map(|word| word.as_bytes()).chain([name.bytes()]);
                client.call(&words.collect::<Vec<_>>());
            }
        }
    }
    client.run("SELECT 0");
    for line in
        ["LW.ALERTS LIST", "LW.ALERTS DEAD", "LW.AUDITLOG QUERY LOCAL", "LW.POLICY LIST", "INFO everything"]
    {
        assert!(!client.run(line).is_error(), "{line}");
    }
    assert_eq!(client.run("SAVE").text(), "OK");
}
