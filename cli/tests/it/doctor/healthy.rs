//! Nothing is found where all is well.

use lockwatch_test_support::Server;
use lockwatch_test_support::cluster::Cluster;
use lockwatch_test_support::postgres::Postgres;
use lockwatch_test_support::sentinel::Sentinel;
use lockwatch_test_support::tokens::Algorithm::EdDsa;
use lockwatch_test_support::tokens::Keys;

use super::deployment::{Pair, Sound, ok, pair, receiver, sound};
use super::report::{doctor, doctor_at};

#[test]
fn a_sound_server_has_no_faults() {
    let report = Sound::start().doctor(&[]);
    report.assert_is(&[]);
    assert_eq!(
        (report.json["level"].as_str(), report.json["deployment"].as_str()),
        (Some("ok"), Some("standalone"))
    );
    assert!(report.json["checks"].as_array().unwrap().len() > 60);
}

#[test]
fn a_server_that_uses_everything_has_no_faults() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let (keys, hook) = (Keys::new(), receiver(200));
    let server = sound(Server::builder()).issuing(&keys, EdDsa).alerting(&[&hook]);
    let server = server.shipping_to(&postgres, "audit").config("lockwatch.audit-retention-days 30").start();
    let mut used = Sound::of(server);
    let client = &mut used.admin;
    ok(client, "LW.POLICY SET api 5 1m");
    for line in ["LW.RATELIMIT a @api", "LW.BURST b 2 1m", "LW.ACQUIRE c 1 1m", "LW.ISSUE auth alice"] {
        ok(client, line);
    }
    ok(client, "LW.ATTEMPT login IP 203.0.113.9 USER alice");
    ok(client, "LW.EVENT login success IP 203.0.113.9 USER alice");
    ok(client, "LW.BAN login IP 198.51.100.7 FOR 1h");
    client.audit("USER alice STATUS 200");
    client.wait_until_shipped();
    client.wait_until_delivered();
    let url = postgres.url_file("audit");
    used.doctor(&["--watch", "1s", "--database-url-file", &url]).assert_is(&[]);
}

#[test]
fn a_sound_primary_with_its_replica_has_no_faults_seen_from_either() {
    let pair = Pair::start();
    for server in [&pair.primary.server, &pair.replica.server] {
        let report = doctor(server, &[]);
        report.assert_is(&[]);
        assert_eq!(report.json["nodes"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_sound_cluster_with_replicas_has_no_faults() {
    let keys = Keys::new();
    let mut cluster = Cluster::start_with(|builder| sound(builder).issuing(&keys, EdDsa));
    cluster.add_replicas(|builder| sound(builder).issuing(&keys, EdDsa));
    let nodes: Vec<Sound> = cluster.nodes.into_iter().chain(cluster.replicas).map(Sound::of).collect();
    let report = doctor(&nodes[0].server, &[]);
    report.assert_is(&[]);
    assert_eq!(report.json["nodes"].as_array().unwrap().len(), 6);
    assert_eq!(report.json["deployment"], "cluster");
}

#[test]
fn a_sound_primary_under_a_sentinel_has_no_faults() {
    let (primary, replica, _keys) = pair(|builder| builder);
    let sentinel = Sentinel::of(&primary);
    let _secured = [Sound::of(primary), Sound::of(replica)];
    let report = doctor_at(&sentinel.url(), &["--sentinel", "service"]);
    report.assert_is(&[]);
    assert_eq!(report.json["deployment"], "sentinel");
    assert_eq!(report.json["nodes"].as_array().unwrap().len(), 2);
}
