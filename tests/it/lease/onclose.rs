//! ONCLOSE: leases that end with their connection.

use std::time::Duration;

use crate::hostile::refused;
use crate::support::{Client, Server, wait_at_most, wait_until};

/// Far less than the leases last.
const AT_ONCE: Duration = Duration::from_secs(5);

#[track_caller]
fn wait_for_room(client: &mut Client, args: &str) {
    wait_at_most(AT_ONCE, "the lease is released", || client.acquire(args).acquired == 1);
}

/// Waits until the server has seen that all connections but this one have closed.
#[track_caller]
fn wait_until_alone(client: &mut Client) {
    wait_until("the other connections are closed", || {
        client.info("clients").number("connected_clients") == 1
    });
}

#[test]
fn a_closed_connection_frees_its_lease() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    holder.acquired("k 1 1h ONCLOSE");
    holder.acquired("other 1 1h ONCLOSE");
    assert_eq!(client.acquire("k 1 1h").acquired, 0);
    assert_eq!((client.lease_info("onclose_leases"), client.lease_info("onclose_connections")), (2, 1));
    drop(holder);
    wait_for_room(&mut client, "k 1 1h");
    wait_for_room(&mut client, "other 1 1h");
    assert_eq!((client.lease_info("onclose_leases"), client.lease_info("onclose_connections")), (0, 0));
    assert_eq!(client.lease_info("closed_total"), 2);
}

#[test]
fn a_killed_connection_frees_its_lease() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    let id = holder.run("CLIENT ID").int();
    holder.acquired("k 1 1h ONCLOSE");
    assert_eq!(client.run(&format!("CLIENT KILL ID {id}")).int(), 1);
    wait_for_room(&mut client, "k 1 1h");
    // A connection that kills itself.
    let mut holder = server.client();
    holder.acquired("self 1 1h ONCLOSE");
    holder.send(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]);
    let mut client = server.client();
    wait_for_room(&mut client, "self 1 1h");
}

#[test]
fn without_onclose_a_lease_lives_to_its_end() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    holder.acquired("k 1 1h ID a");
    holder.acquired("brief 1 400ms");
    drop(holder);
    wait_until_alone(&mut client);
    assert_eq!(client.acquire("k 1 1h").acquired, 0);
    assert_eq!(client.renew("k a 1h"), 1);
    wait_for_room(&mut client, "brief 1 1h");
    assert_eq!(client.lease_info("closed_total"), 0);
}

#[test]
fn onclose_works_in_a_transaction_and_is_refused_in_scripts() {
    let server = Server::start();
    let mut client = server.client();
    let script = "return redis.call('LW.ACQUIRE', KEYS[1], 1, '1h', 'ONCLOSE')";
    let message = refused(&mut client, &["EVAL", script, "1", "k"]);
    assert!(message.contains("ONCLOSE needs a connection that can close"), "{message}");
    client.multi(&["LW.ACQUIRE k 1 1h ONCLOSE"]).unwrap();
    assert_eq!(client.lease_info("onclose_leases"), 1);
    drop(client);
    wait_for_room(&mut server.client(), "k 1 1h");
}

#[test]
fn the_last_acquire_of_a_lease_decides_with_which_connection_it_ends() {
    let server = Server::start();
    let mut client = server.client();
    let (mut first, mut second) = (server.client(), server.client());
    first.acquired("plain 1 1h ID a ONCLOSE");
    assert_eq!(second.acquire("plain 1 1h ID a").acquired, 2);
    first.acquired("moved 1 1h ID a ONCLOSE");
    assert_eq!(second.acquire("moved 1 1h ID a ONCLOSE").acquired, 2);
    first.acquired("bound 1 1h ID a");
    assert_eq!(first.acquire("bound 1 1h ID a ONCLOSE").acquired, 2);
    drop(first);
    wait_for_room(&mut client, "bound 1 1h");
    for key in ["plain", "moved"] {
        assert_eq!(client.acquire(&format!("{key} 1 1h")).acquired, 0, "{key}");
    }
    drop(second);
    wait_for_room(&mut client, "moved 1 1h");
    assert_eq!(client.acquire("plain 1 1h").acquired, 0);
}

#[test]
fn a_later_owner_of_the_same_id_keeps_its_lease() {
    let server = Server::start();
    let mut client = server.client();
    for forget in [
        "LW.RELEASE k a",
        "DEL k",
        "FLUSHALL",
        "DEBUG RELOAD",
        "RENAME k elsewhere",
        "SWAPDB 0 1",
        "MOVE k 1",
    ] {
        let mut holder = server.client();
        holder.acquired("k 1 1h ID a ONCLOSE");
        assert!(!client.run(forget).is_error(), "{forget}");
        client.acquire("k 1 1h ID a");
        drop(holder);
        wait_until_alone(&mut client);
        let mut probe = server.client();
        assert_eq!(probe.acquire("k 1 1h").acquired, 0, "{forget}");
        drop(probe);
        client.run("FLUSHALL");
    }
}

#[test]
fn a_lease_of_another_fence_is_not_released() {
    let server = Server::start();
    let mut client = server.client();
    // The module sees none of this: another key with the same lease takes the place.
    client.acquired("spare 1 1h ID a");
    let mut holder = server.client();
    holder.acquired("k 1 1h ID a ONCLOSE");
    holder.acquired("last 1 1h ONCLOSE");
    assert_eq!(client.run("RENAME spare k").text(), "OK");
    drop(holder);
    wait_for_room(&mut client, "last 1 1h");
    assert_eq!(client.acquire("k 1 1h").acquired, 0);
}

#[test]
fn a_lease_in_another_database_is_released_there() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    client.acquired("k 1 1h");
    holder.run("SELECT 9");
    holder.acquired("k 1 1h ONCLOSE");
    drop(holder);
    let mut there = server.client();
    there.run("SELECT 9");
    wait_for_room(&mut there, "k 1 1h");
    assert_eq!(client.acquire("k 1 1h").acquired, 0);
}

#[test]
fn a_close_during_a_pause_of_writes_takes_effect_after_it() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    holder.acquired("k 1 1h ONCLOSE");
    client.run("CLIENT PAUSE 100000 WRITE");
    drop(holder);
    wait_until_alone(&mut client);
    assert_eq!(client.run("EXISTS k").int(), 1);
    client.run("CLIENT UNPAUSE");
    wait_at_most(AT_ONCE, "the lease is released", || client.run("EXISTS k").int() == 0);
}

#[test]
fn a_release_by_a_close_reaches_the_replica_and_the_aof() {
    let mut primary = Server::builder().config("appendonly yes").config("appendfsync always").start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let (mut client, mut there) = (primary.client(), replica.client());
    let mut holder = primary.client();
    for n in 0..1000 {
        holder.acquired(&format!("k 2000 1h ID {n} ONCLOSE"));
    }
    client.acquired("k 2000 1h ID stays");
    drop(holder);
    wait_at_most(AT_ONCE, "all are released", || client.acquire("k 0 1h").in_use == 1);
    primary.wait_for_replica(&replica);
    assert_eq!(client.dump("k"), there.dump("k"));
    assert_eq!(client.run("DEBUG DIGEST"), there.run("DEBUG DIGEST"));
    let dump = client.dump("k");
    primary.kill();
    primary.start_again();
    assert_eq!(primary.client().dump("k"), dump);
}

#[test]
fn the_leases_of_one_connection_are_bounded_and_all_are_released() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    let call = "LW.ACQUIRE k 100000 1h ONCLOSE".split(' ').collect::<Vec<_>>();
    holder.acquired("k 100000 1h ID mine ONCLOSE");
    let answers = holder.pipeline(&vec![call; 10_000]);
    assert!(answers[..9_999].iter().all(|answer| !answer.is_error()));
    let message = answers[9_999].error();
    assert!(message.starts_with("LWFULL too many leases end when a connection closes"), "{message}");
    assert_eq!(holder.acquire("k 100000 1h ID mine ONCLOSE").acquired, 2, "a repeat takes no room");
    assert_eq!(holder.acquired("k 100000 1h").in_use, 10_001);
    drop(holder);
    wait_until("all are released", || client.acquire("k 0 1h").in_use == 1);
    assert_eq!(client.lease_info("closed_total"), 10_000);
}

#[test]
fn leases_that_ended_by_themselves_make_room_for_others() {
    let server = Server::start();
    let mut holder = server.client();
    let call = "LW.ACQUIRE k 100000 1ms ONCLOSE".split(' ').collect::<Vec<_>>();
    for _ in 0..6 {
        let answers = holder.pipeline(&vec![call.clone(); 4000]);
        assert!(answers.iter().all(|answer| !answer.is_error()));
    }
    holder.acquired("other 1 1h ONCLOSE");
}

#[test]
fn a_demotion_forgets_which_connection_holds_what() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    holder.acquired("k 1 1h ID a ONCLOSE");
    client.run("REPLICAOF 127.0.0.1 1");
    assert!(refused(&mut client, &["LW.ACQUIRE", "k", "1", "1h", "ONCLOSE"]).starts_with("READONLY"));
    client.run("CONFIG SET replica-read-only no");
    assert!(client.run("LW.ACQUIRE k 1 1h ONCLOSE").error().starts_with("READONLY"));
    client.run("REPLICAOF NO ONE");
    drop(holder);
    wait_until_alone(&mut client);
    let mut other = server.client();
    other.acquired("last 1 1h ONCLOSE");
    drop(other);
    wait_for_room(&mut client, "last 1 1h");
    assert_eq!(client.renew("k a 1h"), 1, "it lives to its end");
}
