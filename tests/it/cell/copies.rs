//! Replicas, the RDB and the AOF hold what the primary holds, and what redis-cell wrote is
//! continued.

use std::fs;

use super::{builder, stop, throttle};
use crate::support::{Client, Random, Server, Value, wait_until};

/// The keys of `client` with their values and expiries.
fn keys(client: &mut Client) -> Vec<(String, String, i64)> {
    let mut names = client.run("KEYS *").texts();
    names.sort();
    let of = |name: String| {
        let value = client.run(&format!("GET {name}")).text();
        let expiry = client.run(&format!("PEXPIRETIME {name}")).int();
        (name, value, expiry)
    };
    names.into_iter().map(of).collect()
}

/// Gives back the last unit of a key, as some of the random calls do too. Such a key expires in the
/// millisecond of the call.
fn give_all_back(client: &mut Client) {
    assert_eq!(throttle(client, "k:free 9 1 3600 3")[..3], [0, 10, 7]);
    assert_eq!(throttle(client, "k:free 9 1 3600 -3")[..3], [0, 10, 10]);
}

/// Waits until the primary has deleted the keys without a used unit, and the copies have followed.
/// Until then KEYS shows such a key for one millisecond, and DEBUG DIGEST includes it until it is
/// deleted, so that neither can be compared across servers. All other keys outlast the test.
#[track_caller]
fn settle(primary: &Server, copies: &[&Server]) {
    let mut client = primary.client();
    wait_until("the keys without a used unit have expired", || {
        let now = client.time_ms();
        // To ask about a key deletes it if it has expired.
        let mut names = (0..KEYS).map(|n| format!("k:{n}")).chain(["k:free".to_owned()]);
        names.all(|name| match client.run(&format!("PEXPIRETIME {name}")).int() {
            -2 => true,
            expiry => expiry > now + 60_000,
        })
    });
    copies.iter().for_each(|copy| primary.wait_for_replica(copy));
}

/// The number of keys of the random calls.
const KEYS: usize = 20;

/// Random calls that take, ask, and give back, alone, in MULTI and in a script.
fn random_calls(client: &mut Client, random: &mut Random) {
    let script = "return redis.call('CL.THROTTLE', KEYS[1], 9, 1, 3600, ARGV[1])";
    for _ in 0..500 {
        let key = format!("k:{}", random.below(KEYS));
        let quantity = random.within(0..=6) as i64 - 2;
        let line = format!("CL.THROTTLE {key} 9 1 3600 {quantity}");
        match random.below(4) {
            0 => drop(client.multi(&[line.as_str(); 2])),
            1 => drop(client.call(&["EVAL", script, "1", &key, &quantity.to_string()])),
            _ => drop(client.run(&line).ints()),
        }
    }
}

#[test]
fn replicas_and_a_reloaded_aof_equal_the_primary() {
    let mut random = Random::new();
    // `always`: under `everysec` a write may stay in memory for two seconds, and a kill loses it.
    let durable = ["appendonly yes", "appendfsync always", "aof-use-rdb-preamble no"];
    let mut primary = durable.into_iter().fold(builder(), |builder, line| builder.config(line)).start();
    // A replica applies effects whatever its own directive says.
    let replica = Server::builder().replica_of(&primary).start();
    let sub_replica = Server::builder().config("appendonly yes").replica_of(&replica).start();
    let mut client = primary.client();
    primary.wait_for_replica(&replica);
    for round in 0..3 {
        random_calls(&mut client, &mut random);
        give_all_back(&mut client);
        settle(&primary, &[&replica, &sub_replica]);
        let truth = keys(&mut client);
        assert!(truth.len() > 5);
        let digest = |client: &mut Client| client.run("DEBUG DIGEST").text();
        for copy in [&replica, &sub_replica] {
            assert_eq!(keys(&mut copy.client()), truth);
            assert_eq!(digest(&mut copy.client()), digest(&mut client));
        }
        let text = String::from_utf8_lossy(&fs::read(primary.aof_file(".incr.aof")).unwrap()).to_uppercase();
        assert!(text.contains("LW._CELL") && !text.contains("CL.THROTTLE"));
        match round {
            0 => assert_eq!(client.run("DEBUG RELOAD").text(), "OK"),
            1 => assert_eq!(client.run("DEBUG LOADAOF").text(), "OK"),
            _ => {
                primary.kill();
                primary.check_aof();
                primary.start_again();
                client = primary.client();
            }
        }
        assert_eq!(keys(&mut client), truth, "round {round}");
    }
}

#[test]
fn an_effect_replaces_whatever_the_replica_holds_and_a_bad_one_changes_nothing() {
    let aof = [
        "RPUSH k a",
        "LW._CELL k 99999999999999999999999 1",
        "LW._CELL list -1 1",
        "LW._CELL k 4000000000000000000 4000000000000",
        "LW._CELL k 4000000000000000000 4000000000000",
        "LW._CELL max 18446744073709551615 9223372036854775807",
        "LW._CELL over 7 1",
    ];
    let server = from_aof(builder().may_repeat("CRITICAL"), &aof);
    let mut client = server.client();
    assert_eq!(client.run("GET k").text(), "4000000000000000000");
    assert_eq!(client.run("PEXPIRETIME k").int(), 4_000_000_000_000);
    assert_eq!(client.run("GET max").text(), u64::MAX.to_string());
    assert_eq!(client.run("EXISTS list over").int(), 0);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    assert_eq!(client.run("GET k").text(), "4000000000000000000");
}

/// Starts a server from an AOF that holds `lines`.
fn from_aof(builder: crate::support::Builder, lines: &[&str]) -> Server {
    let dir = tempfile::TempDir::with_prefix("lockwatch-it-").unwrap();
    let files = dir.path().join("appendonlydir");
    fs::create_dir(&files).unwrap();
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    fs::write(files.join("appendonly.aof.manifest"), manifest).unwrap();
    let mut aof = String::new();
    for line in ["SELECT 0"].iter().chain(lines) {
        let words: Vec<&str> = line.split(' ').collect();
        aof += &format!("*{}\r\n", words.len());
        words.iter().for_each(|word| aof += &format!("${}\r\n{word}\r\n", word.len()));
    }
    fs::write(files.join("appendonly.aof.1.incr.aof"), aof).unwrap();
    builder.config("appendonly yes").config("aof-use-rdb-preamble no").data_dir(dir).start()
}

#[test]
fn an_aof_and_a_string_of_redis_cell_are_continued() {
    // redis-cell writes its calls to the AOF, and its strings come from a rewrite of it.
    let call = "CL.THROTTLE calls 9 1 3600";
    let aof = [
        call,
        "cl.throttle calls 9 1 3600 2",
        "CL.THROTTLE calls 9 1 3600 0",
        "SET string 4000000000000000000",
        "PEXPIREAT string 4000000000000",
        call,
    ];
    let server = from_aof(builder(), &aof);
    let mut client = server.client();
    assert_eq!(client.run("CL.THROTTLE calls 9 1 3600").ints()[..3], [0, 10, 5]);
    assert_eq!(client.run("DEBUG LOADAOF").text(), "OK");
    assert_eq!(client.run("CL.THROTTLE calls 9 1 3600 0").ints()[..3], [0, 10, 5]);
    stop(&mut client, 3_999_999_999_000);
    assert_eq!(throttle(&mut client, "string 9 60 60"), [0, 10, 8, -1, 2]);
    assert_eq!(client.run("GET string").text(), "4000000001000000000");
}

#[test]
fn a_replica_runs_the_calls_of_a_primary_that_replicates_them_as_redis_cell_does() {
    // Takes the part of redis-cell: a renamed command, whose calls are replicated as they are.
    let primary = Server::builder().config("rename-command HSET CL.THROTTLE").start();
    let replica =
        builder().config("appendonly yes").config("appendfsync always").replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    assert!(!primary.client().run("CL.THROTTLE k2 9 1 3600 3").is_error());
    primary.wait_for_replica(&replica);
    let mut there = replica.client();
    let tat: u64 = there.run("GET k2").text().parse().expect("the replica has run the call");
    assert!(tat > 1_700_000_000_000_000_000);
    there.wait_for_aof_rewrite();
    let aof = String::from_utf8_lossy(&fs::read(replica.aof_file(".incr.aof")).unwrap()).into_owned();
    assert!(aof.contains(&format!("LW._CELL\r\n$2\r\nk2\r\n$19\r\n{tat}\r\n")), "{aof}");
    let alone = Server::builder().config("appendonly yes").data_dir(replica.into_data()).start();
    assert_eq!(alone.client().run("GET k2"), Value::Bulk(tat.to_string().into_bytes()));
}
