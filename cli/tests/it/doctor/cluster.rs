//! Faults of a cluster.

use lockwatch_test_support::Server;
use lockwatch_test_support::cluster::Cluster;
use lockwatch_test_support::wait_until;

use super::deployment::{Sound, ok, sound};
use super::report::{Report, doctor};

/// Three primaries, and a replica of each.
fn start() -> Vec<Sound> {
    let mut cluster = Cluster::start_with(sound);
    cluster.add_replicas(sound);
    cluster.nodes.into_iter().chain(cluster.replicas).map(Sound::of).collect()
}

fn all_agree(nodes: &mut [Sound], line: &str) {
    for node in nodes {
        wait_until(line, || node.admin.run("CLUSTER INFO").text().contains(line));
    }
}

fn checks(report: &Report) -> Vec<String> {
    let mut names: Vec<String> = report.findings().into_iter().map(|(_, check, _)| check).collect();
    names.dedup();
    names
}

#[test]
fn policies_that_differ_between_primaries_are_found() {
    let mut nodes = start();
    ok(&mut nodes[1].admin, "LW.POLICY SET api 5 1m");
    let offset = nodes[1].admin.info("replication").number("master_repl_offset");
    wait_until("the replica has it", || {
        nodes[4].admin.info("replication").number("slave_repl_offset") >= offset
    });
    doctor(&nodes[0].server, &[]).assert_is(&[("error", "policies")]);
}

#[test]
fn slots_that_nobody_serves_are_found() {
    let mut nodes = start();
    for node in &mut nodes[..3] {
        ok(&mut node.admin, "CLUSTER DELSLOTS 0");
    }
    all_agree(&mut nodes[..3], "cluster_state:fail");
    let report = doctor(&nodes[0].server, &["--only", "cluster-slots,cluster-nodes,reachable"]);
    report.assert_is(&[("error", "cluster-slots")]);
    assert!(report.seen("cluster-slots").contains("16383 of 16384"));
}

#[test]
fn a_primary_without_its_replica_is_found() {
    let mut nodes = start();
    nodes[5].server.kill();
    wait_until("its primary has noticed", || {
        nodes[2].admin.info("replication").number("connected_slaves") == 0
    });
    doctor(&nodes[0].server, &[]).assert_is(&[("error", "reachable"), ("warning", "cluster-replicas")]);
}

#[test]
fn a_primary_that_is_away_is_found() {
    let cluster = Cluster::start_with(|builder: lockwatch_test_support::Builder| {
        sound(builder).config("cluster-node-timeout 500")
    });
    let mut nodes: Vec<Sound> = cluster.nodes.into_iter().map(Sound::of).collect();
    nodes[2].server.kill();
    all_agree(&mut nodes[..2], "cluster_state:fail");
    let report = doctor(&nodes[0].server, &[]);
    assert_eq!(
        (report.code, checks(&report)),
        (2, ["reachable", "cluster-slots", "cluster-nodes", "cluster-replicas"].map(String::from).to_vec()),
        "{}",
        report.printed
    );
    let _: &Server = &nodes[0].server;
}
