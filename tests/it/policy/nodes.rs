//! Policies are state of the node: replicated, saved, loaded, and left alone by FLUSHALL.

use super::super::support::proxy::{Proxy, Way};
use super::super::support::{Builder, Client, Server, wait_until};
use super::{digest, fill, ok};

fn with_aof(preamble: &str) -> Builder {
    Server::builder()
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
}

/// Whether a call is limited by the policies of [`fill`].
#[track_caller]
fn assert_in_force(client: &mut Client) {
    assert!(client.peek("{tenant7} @login").limited);
    assert_eq!(client.peek("new @login COST 0").limit, 5);
}

#[test]
fn a_replica_has_the_policies_of_its_primary_and_refuses_to_change_them() {
    let primary = Server::start();
    let mut client = primary.client();
    ok(&mut client, "LW.POLICY SET early 1 1s");
    let replica = Server::builder().config("replica-read-only no").replica_of(&primary).start();
    let sub_replica = Server::builder().replica_of(&replica).start();
    primary.wait_for_replica(&replica);
    replica.wait_for_replica(&sub_replica);
    fill(&mut client);
    client.run("LW.POLICY DEL early");
    ok(&mut client, "LW.POLICY SET login 1 1s FOR passing");
    client.run("LW.POLICY DEL login FOR passing");
    let expected = digest(&mut client);
    for copy in [&replica, &sub_replica] {
        let mut copy = copy.client();
        wait_until("the replica has the policies", || digest(&mut copy) == expected);
        assert_in_force(&mut copy);
    }
    let mut copy = replica.client();
    for line in ["SET p 1 1s", "SET login 1 1s FOR x", "DEL login", "DEL login FOR tenant7"] {
        let refused = copy.run(&format!("LW.POLICY {line}"));
        assert!(refused.error().starts_with("READONLY "), "{line}: {refused:?}");
    }
    assert_eq!(digest(&mut copy), expected);
    copy.run("REPLICAOF NO ONE");
    ok(&mut copy, "LW.POLICY SET p 1 1s");
}

#[test]
fn a_call_by_policy_leaves_primary_and_replica_equal() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    ok(&mut client, "LW.POLICY SET p 5 1h 9 1d");
    for n in 0..100 {
        client.ratelimit(&format!("k{} @p", n % 9));
        if n == 50 {
            ok(&mut client, "LW.POLICY SET p 9 1m");
        }
    }
    primary.wait_for_replica(&replica);
    let digests = |server: &Server| server.client().run("DEBUG DIGEST").text();
    assert_eq!(digests(&primary), digests(&replica));
}

#[test]
fn policies_outlive_a_restart_from_the_rdb() {
    let mut server = Server::start();
    let expected = fill(&mut server.client());
    assert_eq!(server.client().run("SAVE").text(), "OK");
    for _ in 0..2 {
        server.stop();
        server.check_rdb();
        server.start_again();
        let mut client = server.client();
        assert_eq!(digest(&mut client), expected);
        assert_in_force(&mut client);
        assert_eq!(client.run("SAVE").text(), "OK");
    }
}

#[test]
fn policies_outlive_a_kill_with_an_aof_before_and_after_a_rewrite() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        fill(&mut client);
        for (n, rewrites) in [false, true, true].into_iter().enumerate() {
            if rewrites {
                client.wait_for_aof_rewrite();
                client.run("BGREWRITEAOF");
                client.wait_for_aof_rewrite();
            }
            ok(&mut client, &format!("LW.POLICY SET later{n} 1 1s"));
            let expected = digest(&mut client);
            server.kill();
            server.check_aof();
            server.start_again();
            client = server.client();
            assert_eq!(digest(&mut client), expected, "preamble {preamble}, round {n}");
            assert_in_force(&mut client);
        }
    }
}

#[test]
fn deleted_policies_stay_deleted() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        let empty = digest(&mut client);
        fill(&mut client);
        client.run("BGREWRITEAOF");
        client.wait_for_aof_rewrite();
        for name in ["login", "api"] {
            assert_eq!(client.run(&format!("LW.POLICY DEL {name}")).int(), 1);
        }
        server.kill();
        server.start_again();
        assert_eq!(digest(&mut server.client()), empty);
    }
}

#[test]
fn flushall_and_purge_leave_policies_alone() {
    let server = Server::start();
    let mut client = server.client();
    let expected = fill(&mut client);
    for line in ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "SWAPDB 0 1", "LW.PURGE CONFIRM"] {
        assert!(!client.run(line).is_error());
        assert_eq!(digest(&mut client), expected, "{line}");
    }
}

#[test]
fn a_full_synchronisation_replaces_policies() {
    for fills in [true, false] {
        let (primary, replica) = (Server::start(), Server::start());
        let (mut here, mut there) = (primary.client(), replica.client());
        let expected = if fills { fill(&mut here) } else { digest(&mut here) };
        ok(&mut there, "LW.POLICY SET own 1 1s");
        there.run(&format!("REPLICAOF {} {}", primary.address().ip(), primary.address().port()));
        primary.wait_for_replica(&replica);
        assert_eq!(digest(&mut there), expected);
        assert!(there.run("LW.PEEK k @own").error().starts_with("LWNOPOLICY"));
    }
}

#[test]
fn a_full_synchronisation_that_breaks_off_keeps_the_policies_of_the_replica() {
    let primary = Server::builder().config("rdbcompression no").start();
    let proxy = Proxy::to(primary.address());
    let replica = Server::builder()
        .config("repl-diskless-load on-empty-db")
        // So that it answers INFO while it loads.
        .config("loading-process-events-interval-bytes 1024")
        .start();
    let (mut here, mut there) = (primary.client(), replica.client());
    let of_primary = fill(&mut here);
    ok(&mut there, "LW.POLICY SET own 7 1s");
    let of_replica = digest(&mut there);
    let value = "x".repeat(2000);
    (0..300).for_each(|n| drop(here.run(&format!("SET key:{n} {value}"))));
    // Sending the keys takes three seconds: the delay per key is in microseconds.
    here.run("CONFIG SET rdb-key-save-delay 10000");
    let is_loading = |client: &mut Client| client.info("persistence").number("loading") == 1;
    proxy.set(Way::Open);
    let address = proxy.address();
    there.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    wait_until("the replica loads", || is_loading(&mut there));
    wait_until("keys arrive", || there.info("persistence").number("loading_loaded_bytes") > 20_000);
    proxy.set(Way::Closed);
    wait_until("loading ends", || !is_loading(&mut there));
    assert_eq!(digest(&mut there), of_replica);
    there.run("REPLICAOF NO ONE");
    assert_eq!(there.peek("k @own").limit, 7);
    wait_until("the primary is done", || here.info("persistence").number("rdb_bgsave_in_progress") == 0);
    here.run("CONFIG SET rdb-key-save-delay 0");
    proxy.set(Way::Open);
    there.run("FLUSHALL");
    there.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    primary.wait_for_replica(&replica);
    assert_eq!(digest(&mut there), of_primary);
}

#[test]
fn the_counts_go_on_after_a_reload_of_the_same_process() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    ok(&mut client, "LW.POLICY SET p 1 1h");
    client.run("LW.RATELIMIT k @p");
    client.run("LW.RATELIMIT k @p");
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    assert_eq!(client.info("lockwatch").text("lockwatch_policy_p"), "calls=2,denied=1,shadow_denied=0");
}

#[test]
fn with_journal_no_redis_7_0_refuses_policies_because_it_would_not_save_them() {
    let mut server = Server::builder().module_args("journal no").start();
    let mut client = server.client();
    let answer = client.run("LW.POLICY SET p 1 1s");
    if !server.is_at_least((7, 2), (7, 2)) {
        assert!(answer.error().starts_with("LWUNAVAILABLE with journal no, Redis 7.0"), "{answer:?}");
        return;
    }
    assert_eq!(answer.text(), "OK");
    client.run("SAVE");
    server.stop();
    server.start_again();
    assert_eq!(server.client().peek("k @p").limit, 1);
}
