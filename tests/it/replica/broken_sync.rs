//! A full synchronisation that breaks off while the replica loads it.

use super::super::support::proxy::{Proxy, Way};
use super::super::support::{Client, Server, wait_until};

/// The ids of the alerts and audit events of a server.
#[track_caller]
fn ids(client: &mut Client) -> Vec<String> {
    let alerts = client.run("LW.ALERTS LIST COUNT 1000");
    let alerts = alerts.items().iter().map(|alert| alert.field("id").text());
    alerts.chain(client.audit_log("COUNT 1000").into_iter().map(|event| event.id)).collect()
}

#[track_caller]
fn fill(client: &mut Client, who: &str) -> Vec<String> {
    for n in 0..50 {
        client.audit(&format!("USER {who}.{n}"));
        client.run(&format!("LW.ALERT {who}.{n} {{}}"));
    }
    ids(client)
}

#[test]
fn a_full_synchronisation_that_breaks_off_keeps_the_alerts_and_events_of_the_replica() {
    let primary = Server::builder().config("rdbcompression no").start();
    let proxy = Proxy::to(primary.address());
    let replica = Server::builder()
        .config("repl-diskless-load on-empty-db")
        // So that it answers INFO while it loads.
        .config("loading-process-events-interval-bytes 1024")
        .start();
    let (mut here, mut there) = (primary.client(), replica.client());
    let of_primary = fill(&mut here, "primary");
    let of_replica = fill(&mut there, "replica");
    let value = "x".repeat(2000);
    (0..300).for_each(|n| drop(here.run(&format!("SET key:{n} {value}"))));
    // Sending the keys takes three seconds: the delay per key is in microseconds.
    here.run("CONFIG SET rdb-key-save-delay 10000");
    let is_loading = |client: &mut Client| client.info("persistence").number("loading") == 1;
    for _ in 0..2 {
        proxy.set(Way::Open);
        let address = proxy.address();
        there.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
        wait_until("the replica loads", || is_loading(&mut there));
        // Some keys arrive before the link breaks.
        wait_until("keys arrive", || there.info("persistence").number("loading_loaded_bytes") > 20_000);
        proxy.set(Way::Closed);
        wait_until("loading ends", || !is_loading(&mut there));
        assert_eq!(there.info("replication").text("master_link_status"), "down");
        assert_eq!(ids(&mut there), of_replica);
        there.run("REPLICAOF NO ONE");
        wait_until("the primary is done", || here.info("persistence").number("rdb_bgsave_in_progress") == 0);
    }
    // The server makes ids that differ from all before.
    let id = there.audit("USER later");
    let after = ids(&mut there);
    let epoch = |id: &str| id.split('-').nth(1).unwrap().to_owned();
    assert!(after.contains(&id) && of_replica.iter().all(|before| after.contains(before)));
    assert!(of_replica.iter().all(|before| epoch(before) != epoch(&id)));
    // A full synchronisation that succeeds brings the state of the primary.
    here.run("CONFIG SET rdb-key-save-delay 0");
    proxy.set(Way::Open);
    there.run("FLUSHALL");
    there.run(&format!("REPLICAOF {} {}", proxy.address().ip(), proxy.address().port()));
    primary.wait_for_replica(&replica);
    assert_eq!(ids(&mut there), of_primary);
}
