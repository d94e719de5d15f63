//! Pending alerts and dead letters survive saving, loading, AOF rewrites, flushing, eviction and
//! full synchronisation.

mod aof;

use super::{RUSH, raise};
use crate::support::alerts::{Dead, Waiting};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Builder, Client, Server, wait_until};

/// The alerts and dead letters of a server, without the fields that change with every try.
#[derive(Debug, PartialEq)]
struct Snapshot {
    waiting: Vec<Waiting>,
    dead: Vec<Dead>,
}

impl Snapshot {
    #[track_caller]
    fn of(client: &mut Client) -> Self {
        let mut snapshot = Self { waiting: client.waiting(), dead: client.dead() };
        for pending in snapshot.waiting.iter_mut().flat_map(|waiting| &mut waiting.pending) {
            pending.next_try_ms = 0;
            pending.last_error.clear();
        }
        snapshot
    }
}

/// A server that delivers nothing until `ship` is set to `yes`.
fn builder(receivers: &[&Receiver]) -> Builder {
    Server::builder().alerting(receivers).config("lockwatch.ship no").hurrying(RUSH)
}

/// Like [`builder`], with an AOF that is synced before each reply.
fn with_aof(receivers: &[&Receiver], preamble: &str) -> Builder {
    builder(receivers)
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
}

/// Two receivers, of which the first answers every request with an error.
fn receivers() -> [Receiver; 2] {
    let receivers = [Receiver::start(), Receiver::start()];
    receivers[0].answer(Answer::status(500));
    receivers
}

/// Creates a dead letter, alerts that one endpoint has and the other refused, and alerts that were
/// never tried. Returns the resulting state.
#[track_caller]
fn fill(client: &mut Client, receivers: &[Receiver; 2]) -> Snapshot {
    client.set("ship", "yes");
    client.alert("lost", r#"{"what":"a \u0000 letter"}"#);
    wait_until("an alert is a dead letter", || client.dead().len() == 1);
    // A success closes the circuit, so that later failures use up tries again.
    receivers[0].answer(Answer::status(200));
    client.alert("well", "1");
    client.wait_until_delivered();
    receivers[0].answer(Answer::status(500));
    let ids = raise(client, "half", 3);
    wait_until("the other endpoint has them", || {
        let waiting = client.waiting();
        ids.iter().all(|id| waiting.iter().any(|w| w.id == *id && w.pending.len() == 1))
    });
    client.set("ship", "no");
    raise(client, "fresh", 600);
    client.alert("large", &format!("\"{}\"", "x".repeat(65_000)));
    let done = client.alert("discarded", "1");
    client.run(&format!("LW.ALERTS DISCARD {done}"));
    settled(client)
}

/// The snapshot once no try is in flight.
#[track_caller]
fn settled(client: &mut Client) -> Snapshot {
    let (mut last, mut same) = (Snapshot::of(client), 0);
    wait_until("no try is in flight", || {
        let now = Snapshot::of(client);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 10
    });
    last
}

/// Starts delivery and asserts that each alert arrives at every endpoint for which it was pending.
#[track_caller]
fn assert_all_arrive(client: &mut Client, receivers: &[Receiver; 2], snapshot: &Snapshot) {
    receivers[0].answer(Answer::status(200));
    client.set("ship", "yes");
    client.run("LW.ALERTS REPLAY ALL");
    for waiting in &snapshot.waiting {
        for pending in &waiting.pending {
            let receiver = receivers.iter().find(|receiver| receiver.label() == pending.endpoint).unwrap();
            assert_eq!(receiver.wait_for_alert(&waiting.id).kind(), waiting.kind);
        }
    }
    wait_until("the dead letter arrives", || {
        receivers[0].tries_of(&snapshot.dead[0].id).len() > 10 && client.dead().is_empty()
    });
    super::assert_same_alert(&receivers[0].tries_of(&snapshot.dead[0].id));
    client.wait_until_delivered();
}

#[test]
fn save_and_a_restart_keep_every_alert() {
    let receivers = receivers();
    let mut server = builder(&receivers.each_ref()).start();
    let before = fill(&mut server.client(), &receivers);
    assert!(before.waiting.len() > 600);
    assert!(before.waiting.iter().any(|waiting| waiting.pending[0].tries > 0));
    for _ in 0..2 {
        assert_eq!(server.client().run("SAVE").text(), "OK");
        server.check_rdb();
        server.stop();
        server.start_again();
        assert_eq!(Snapshot::of(&mut server.client()), before);
    }
    assert_all_arrive(&mut server.client(), &receivers, &before);
}

#[test]
fn bgsave_and_a_kill_keep_every_alert() {
    let receivers = receivers();
    let mut server = builder(&receivers.each_ref()).start();
    let mut client = server.client();
    let before = fill(&mut client, &receivers);
    client.run("BGSAVE");
    // The child saves the state at the time of the fork.
    raise(&mut client, "too.late", 10);
    wait_until("BGSAVE ends", || client.info("persistence").number("rdb_bgsave_in_progress") == 0);
    assert_eq!(client.info("persistence").text("rdb_last_bgsave_status"), "ok");
    server.kill();
    server.start_again();
    assert_eq!(Snapshot::of(&mut server.client()), before);
}

#[test]
fn debug_reload_keeps_every_alert() {
    let receivers = receivers();
    let server = builder(&receivers.each_ref()).start();
    let mut client = server.client();
    let before = fill(&mut client, &receivers);
    for _ in 0..3 {
        assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
        assert_eq!(Snapshot::of(&mut client), before);
    }
    assert_all_arrive(&mut client, &receivers, &before);
}

#[test]
fn a_reload_during_deliveries_loses_no_alert() {
    let receiver = Receiver::start();
    receiver.answer_by(|request| Answer::status(if request.body.len() % 3 == 0 { 500 } else { 200 }));
    let server = Server::builder().alerting(&[&receiver]).hurrying(RUSH / 10).start();
    let mut client = server.client();
    let mut ids = Vec::new();
    for round in 0..20 {
        ids.extend(raise(&mut client, &format!("round.{round}"), 20));
        assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    }
    receiver.answer(Answer::status(200));
    client.run("LW.ALERTS REPLAY ALL");
    ids.iter().for_each(|id| drop(receiver.wait_for_alert(id)));
    client.wait_until_delivered();
}

#[test]
fn flushing_and_swapping_databases_keep_every_alert() {
    let receivers = receivers();
    let mut server = with_aof(&receivers.each_ref(), "yes").start();
    let mut client = server.client();
    let before = fill(&mut client, &receivers);
    for line in ["FLUSHDB", "FLUSHALL", "FLUSHALL ASYNC", "SWAPDB 0 1", "FLUSHALL SYNC"] {
        client.run("SET a b");
        assert_eq!(client.run(line).text(), "OK");
        assert_eq!(Snapshot::of(&mut client), before, "{line}");
    }
    server.stop();
    server.start_again();
    assert_eq!(Snapshot::of(&mut server.client()), before);
}

#[test]
fn eviction_keeps_every_alert() {
    let receivers = receivers();
    let server = builder(&receivers.each_ref()).config("maxmemory-policy allkeys-lru").start();
    let mut client = server.client();
    let before = fill(&mut client, &receivers);
    let used = client.info("memory").number("used_memory");
    assert_eq!(client.run(&format!("CONFIG SET maxmemory {}", used + (1 << 20))).text(), "OK");
    let value = "x".repeat(1000);
    let calls: Vec<[String; 3]> =
        (0..5000).map(|i| ["SET".into(), format!("key:{i}"), value.clone()]).collect();
    client.pipeline(&calls);
    assert!(client.info("stats").number("evicted_keys") > 100);
    assert_eq!(Snapshot::of(&mut client), before);
    assert_all_arrive(&mut client, &receivers, &before);
}

#[test]
fn a_full_synchronisation_replaces_the_alerts_of_the_replica_with_those_of_its_primary() {
    let receivers = receivers();
    let primary = builder(&receivers.each_ref()).start();
    let own = builder(&receivers.each_ref()).config("appendonly yes").start();
    let mut there = own.client();
    raise(&mut there, "of.its.own", 5);
    let before = fill(&mut primary.client(), &receivers);
    let address = primary.address();
    there.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    primary.wait_for_replica(&own);
    assert_eq!(Snapshot::of(&mut there), before);
    // Later changes are replicated as well.
    let mut client = primary.client();
    let ids = raise(&mut client, "later", 5);
    client.run(&format!("LW.ALERTS DISCARD {}", ids[2]));
    client.run("LW.ALERTS DISCARD ALL");
    primary.wait_for_replica(&own);
    let after = Snapshot::of(&mut there);
    assert_eq!(after, Snapshot::of(&mut client));
    // After a full synchronisation a replica rewrites its AOF. A server can start from that file
    // alone.
    there.wait_for_aof_rewrite();
    let alone = builder(&receivers.each_ref()).config("appendonly yes").data_dir(own.into_data()).start();
    assert_eq!(Snapshot::of(&mut alone.client()), after);
}
