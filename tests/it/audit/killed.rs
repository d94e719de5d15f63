//! Redis is killed between Postgres's commit and its own acknowledgement, killed under load, or
//! failed over to a replica.

use super::load::Acknowledged;
use super::scaled;
use crate::support::postgres::Postgres;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Server, wait_until};

#[test]
fn a_kill_between_commit_and_acknowledgement_neither_loses_nor_repeats_an_event() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let proxy = Proxy::to(postgres.address());
    let url = postgres.url_at(proxy.address(), "audit");
    let mut server = Server::builder()
        .shipping_to_url(&postgres, &url)
        .config("appendonly yes")
        .config("appendfsync always")
        .start();
    let acknowledged = Acknowledged::default();
    let mut between = 0;
    for kill in 0..scaled(8, 100) {
        if kill % 3 == 2 {
            server.client().run("BGREWRITEAOF");
        }
        acknowledged.record_during(server.address(), 3, &kill.to_string(), || {
            let mut client = server.client();
            let batches = client.audit_info("batches_total");
            wait_until("a batch is shipped", || {
                acknowledged.wait_for_more(1);
                client.audit_info("batches_total") > batches
            });
            // From here on the module gets no answer from Postgres, although Postgres commits.
            proxy.set(Way::HoldAnswers);
            let (held, shipped) = (proxy.held_back(), client.audit_info("shipped_total"));
            wait_until("an answer is held back", || {
                acknowledged.wait_for_more(1);
                proxy.held_back() > held
            });
            acknowledged.wait_for_more(100);
            between += usize::from(client.audit_info("shipped_total") <= shipped + 2000);
            server.kill();
        });
        proxy.set(Way::Closed);
        proxy.set(Way::Open);
        server.start_again();
    }
    let mut client = server.client();
    client.wait_until_shipped();
    assert!(between > 0);
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn a_kill_under_load_neither_loses_nor_repeats_an_event() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let mut server = Server::builder()
        .shipping_to(&postgres, "audit")
        .config("appendonly yes")
        .config("appendfsync always")
        .config("aof-use-rdb-preamble no")
        .start();
    let acknowledged = Acknowledged::default();
    for kill in 0..scaled(8, 100) {
        acknowledged.record_during(server.address(), 3, &kill.to_string(), || {
            acknowledged.wait_for_more(50 + 37 * (kill % 20));
            if kill % 2 == 1 {
                server.client().run("BGREWRITEAOF");
                acknowledged.wait_for_more(200);
            }
            server.kill();
        });
        server.start_again();
    }
    server.client().wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn a_failover_under_load_neither_loses_nor_repeats_an_event() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let one = Server::builder().shipping_to(&postgres, "audit").start();
    let other = Server::builder().shipping_to(&postgres, "audit").replica_of(&one).start();
    one.wait_for_replica(&other);
    let (mut primary, mut replica) = (&one, &other);
    let acknowledged = Acknowledged::default();
    for round in 0..scaled(4, 20) {
        acknowledged.record_during(primary.address(), 3, &round.to_string(), || {
            acknowledged.wait_for_more(500);
            assert_eq!(primary.client().run("FAILOVER").text(), "OK");
            wait_until("the roles are swapped", || replica.info("replication").text("role") == "master");
        });
        std::mem::swap(&mut primary, &mut replica);
        primary.wait_for_replica(replica);
    }
    primary.client().wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
    primary.wait_for_replica(replica);
    wait_until("the replica has no events left", || replica.client().audit_info("events") == 0);
    assert!(replica.threads().iter().all(|name| name != "lw-audit"), "only a primary ships");
}

#[test]
fn a_promoted_replica_ships_the_events_that_its_primary_could_not() {
    let mut postgres = Postgres::start();
    postgres.create_database("audit");
    let mut primary = Server::builder().shipping_to(&postgres, "audit").start();
    let replica = Server::builder().shipping_to(&postgres, "audit").replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    postgres.stop();
    let acknowledged = Acknowledged::default();
    acknowledged.record_during(primary.address(), 2, "load", || acknowledged.wait_for_more(1000));
    primary.wait_for_replica(&replica);
    primary.kill();
    postgres.start_again();
    let mut client = replica.client();
    assert_eq!(client.audit_info("batches_total"), 0);
    client.run("REPLICAOF NO ONE");
    let id = client.audit("ANOMALY");
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
    let epoch = |id: &str| id.split('-').nth(1).unwrap().to_owned();
    let epochs = postgres.sql("audit", "SELECT DISTINCT epoch FROM lockwatch_audit_log");
    assert_eq!(epochs.len(), 2, "a promoted replica starts a new epoch: {}", epoch(&id));
}
