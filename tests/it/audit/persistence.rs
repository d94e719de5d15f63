//! Events survive RDB, AOF with and without preamble, reloads, full synchronisations, flushing and
//! eviction.

use crate::support::audits::Event;
use crate::support::{Builder, Client, Server, wait_until};

fn fill(client: &mut Client) -> Vec<Event> {
    client.set("audit-max-age-days", "36500");
    for n in 0..700 {
        let limited = if n % 3 == 0 { " LIMITED" } else { "" };
        client.audit(&format!(
            "USER {n} IP 10.0.{}.{} ENDPOINT /a/{n} DATA {{\"n\":{n}}}{limited}",
            n / 256,
            n % 256
        ));
    }
    client.audit_bytes(&[b"USER", b"\0\xff", b"TIME", b"1700000000000"]);
    let events = client.audit_log("COUNT 10000");
    assert_eq!(events.len(), 701);
    events
}

fn all(client: &mut Client) -> Vec<Event> {
    client.audit_log("COUNT 10000")
}

/// With `appendfsync always` every answered call is in the file when the server is killed.
fn with_aof(preamble: &str) -> Builder {
    Server::builder()
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
}

#[test]
fn an_rdb_keeps_every_event() {
    let mut server = Server::start();
    let before = fill(&mut server.client());
    server.client().run("SAVE");
    server.check_rdb();
    server.kill();
    server.start_again();
    assert_eq!(all(&mut server.client()), before);
}

#[test]
fn an_aof_keeps_every_event_before_and_after_a_rewrite() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        let before = fill(&mut server.client());
        server.kill();
        server.start_again();
        let mut client = server.client();
        assert_eq!(all(&mut client), before, "preamble {preamble}");
        client.run("BGREWRITEAOF");
        client.wait_for_aof_rewrite();
        client.audit("USER later");
        let after = all(&mut client);
        server.check_aof();
        server.stop();
        server.start_again();
        assert_eq!(all(&mut server.client()), after, "preamble {preamble}, rewritten");
    }
}

#[test]
fn events_that_span_several_persisted_chunks_are_kept() {
    let mut server = Server::builder().config("appendonly yes").config("aof-use-rdb-preamble no").start();
    let mut client = server.client();
    let long = "x".repeat(1000);
    let call = ["LW.AUDIT", "ENDPOINT", &long, "USER", "a"];
    for _ in 0..8 {
        client.pipeline(&[call; 1000]);
    }
    assert!(client.audit_info("bytes") > 8 << 20);
    let newest = client.audit_log("COUNT 100");
    client.run("DEBUG RELOAD");
    assert_eq!((client.audit_info("events"), client.audit_log("COUNT 100")), (8000, newest.clone()));
    client.run("BGREWRITEAOF");
    wait_until("the AOF is rewritten", || client.info("persistence").number("aof_rewrite_in_progress") == 0);
    server.stop();
    server.start_again();
    let mut client = server.client();
    assert_eq!((client.audit_info("events"), client.audit_log("COUNT 100")), (8000, newest));
}

#[test]
fn a_full_synchronisation_replaces_the_events_of_the_replica_with_those_of_its_primary() {
    let (primary, own) = (Server::start(), Server::start());
    own.client().audit("USER own");
    let before = fill(&mut primary.client());
    let address = primary.address();
    own.client().run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    primary.wait_for_replica(&own);
    assert_eq!(all(&mut own.client()), before);
    let id = primary.client().audit("USER later");
    primary.wait_for_replica(&own);
    assert_eq!(all(&mut own.client())[0].id, id);
}

#[test]
fn flushing_swapping_and_evicting_keep_every_event() {
    let server = Server::builder().config("maxmemory-policy allkeys-lru").start();
    let mut client = server.client();
    let before = fill(&mut client);
    for line in ["FLUSHDB", "FLUSHALL", "FLUSHALL ASYNC", "SWAPDB 0 1", "FLUSHALL SYNC"] {
        client.run("SET a b");
        assert_eq!(client.run(line).text(), "OK");
        assert_eq!(all(&mut client), before, "{line}");
    }
    let used = client.info("memory").number("used_memory");
    client.run(&format!("CONFIG SET maxmemory {}", used + (1 << 20)));
    let value = "x".repeat(1000);
    let calls: Vec<[String; 3]> =
        (0..5000).map(|i| ["SET".into(), format!("k:{i}"), value.clone()]).collect();
    client.pipeline(&calls);
    assert!(client.info("stats").number("evicted_keys") > 100);
    assert_eq!(all(&mut client), before);
}

#[test]
fn ids_after_a_restart_have_a_new_epoch() {
    let mut server = Server::start();
    let first = server.client().audit("USER a");
    server.client().run("SAVE");
    let lost = server.client().audit("USER lost");
    server.kill();
    server.start_again();
    let again = server.client().audit("USER b");
    let part = |id: &str, n: usize| id.split('-').nth(n).unwrap().to_owned();
    assert_eq!(part(&lost, 2), part(&again, 2), "the sequence number is reused");
    assert_ne!(part(&lost, 1), part(&again, 1), "the epoch is new");
    assert_eq!(part(&first, 1), part(&lost, 1));
}

#[test]
fn ids_after_a_reload_have_a_new_epoch() {
    let server = Server::start();
    let mut client = server.client();
    client.audit("USER a");
    client.run("SAVE");
    let lost = client.audit("USER lost");
    assert_eq!(client.run("DEBUG RELOAD NOSAVE").text(), "OK");
    let again = client.audit("USER b");
    let part = |id: &str, n: usize| id.split('-').nth(n).unwrap().to_owned();
    assert_eq!(part(&lost, 2), part(&again, 2), "the sequence number is reused");
    assert_ne!(part(&lost, 1), part(&again, 1), "the epoch is new");
}

#[test]
fn a_server_without_the_module_loads_the_rdb_of_a_server_without_events() {
    let server = Server::start();
    if !server.is_at_least((7, 2), (7, 2)) {
        return;
    }
    server.client().run("SET key value");
    server.client().run("SAVE");
    let without = Server::builder().without_module().data_dir(server.into_data()).start();
    assert_eq!(without.client().run("GET key").text(), "value");
}
