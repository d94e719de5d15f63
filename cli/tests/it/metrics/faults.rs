//! Servers that are away, slow, or changed by a failover, and deployments of several servers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lockwatch_test_support::cluster::Cluster;
use lockwatch_test_support::sentinel::Sentinel;
use lockwatch_test_support::{Server, wait_until};

use super::running::{Running, send_signal};

/// How long a scrape may take beyond the time limit of a call. The machine may be busy.
const SLACK: Duration = Duration::from_secs(4);

#[test]
fn a_server_that_is_away_at_the_start_is_found_when_it_comes() {
    let mut server = Server::start();
    server.kill();
    let mut running = Running::of(&server.url(), &[]);
    let away = running.scrape();
    assert_eq!(
        (away.sum("lockwatch_up", &[]), away.sum("lockwatch_discovery_up", &[])),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(away.sum("lockwatch_panics_total", &[]), None);
    assert_eq!(running.get("/healthz").status, 200);
    server.start_again();
    let back = running.wait_for("it answers", |it| it.sum("lockwatch_up", &[]) == Some(1.0));
    assert_eq!(back.sum("lockwatch_panics_total", &[]), Some(0.0));
    running.wait_for("it is looked for again", |it| it.sum("lockwatch_discovery_up", &[]) == Some(1.0));
    assert!(running.runs());
}

#[test]
fn a_server_that_is_killed_has_no_metrics_and_the_log_says_so_once() {
    let mut server = Server::start();
    let running = Running::of(&server.url(), &[]);
    let node = server.address().to_string();
    assert_eq!(running.scrape().sum("lockwatch_up", &[("node", &node)]), Some(1.0));
    server.kill();
    let away = running.wait_for("it is away", |it| it.sum("lockwatch_up", &[("node", &node)]) == Some(0.0));
    let others: Vec<_> = away.names().filter(|(_, labels, _)| labels.contains(&node)).collect();
    assert_eq!(others.len(), 1, "{others:?}");
    server.start_again();
    running.wait_for("it is back", |it| it.sum("lockwatch_up", &[("node", &node)]) == Some(1.0));
    let log = running.log();
    assert_eq!(running.logged(&format!("{node}: no metrics")), 1, "{log}");
    assert_eq!(running.logged(&format!("{node}: answers again")), 1, "{log}");
}

#[test]
fn a_server_that_is_slow_delays_a_scrape_no_longer_than_the_time_limit() {
    let (primary, limit) = (Server::start(), Duration::from_millis(500));
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let running = Running::of(&primary.url(), &["--timeout", "500ms"]);
    let (fast, slow) = (primary.address().to_string(), replica.address().to_string());
    running.wait_for("both answer", |it| it.sum("lockwatch_up", &[]) == Some(2.0));
    let stopped = Stopped::of(&replica);
    running.wait_for("one is slow", |it| it.sum("lockwatch_up", &[("node", &slow)]) == Some(0.0));
    let (mut longest, mut samples) = (Duration::ZERO, BTreeSet::new());
    wait_until("three samples were taken meanwhile", || {
        let began = Instant::now();
        let metrics = running.scrape();
        longest = longest.max(began.elapsed());
        assert_eq!(metrics.sum("lockwatch_up", &[("node", &fast)]), Some(1.0));
        assert_eq!(metrics.sum("lockwatch_role", &[("node", &slow)]), None);
        samples.insert(metrics.sum("lockwatch_scrape_duration_seconds", &[]).map(f64::to_bits));
        samples.len() == 3
    });
    assert!(longest < limit + SLACK, "{longest:?}");
    drop(stopped);
    running.wait_for("it answers again", |it| it.sum("lockwatch_up", &[]) == Some(2.0));
    assert_eq!(running.logged(&format!("{slow}: no metrics: no answer in time")), 1, "{}", running.log());
}

#[test]
fn the_only_server_may_be_slow() {
    let server = Server::start();
    let mut running = Running::of(&server.url(), &["--timeout", "300ms"]);
    running.wait_for("it answers", |it| it.sum("lockwatch_up", &[]) == Some(1.0));
    let stopped = Stopped::of(&server);
    running.wait_for("it is slow", |it| it.sum("lockwatch_up", &[]) == Some(0.0));
    assert_eq!(running.get("/healthz").status, 200);
    drop(stopped);
    running.wait_for("it answers again", |it| it.sum("lockwatch_up", &[]) == Some(1.0));
    assert!(running.runs());
}

#[test]
fn a_failover_by_a_sentinel_is_followed_and_logged() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let sentinel = Sentinel::of(&primary);
    let running = Running::of(&sentinel.url(), &["--sentinel", "service"]);
    let (old, new) = (primary.address().to_string(), replica.address().to_string());
    let is_primary = |node: &str, wanted| {
        let node = node.to_owned();
        move |it: &super::running::Metrics| {
            it.sum("lockwatch_role", &[("node", &node), ("role", "primary")]) == Some(wanted)
        }
    };
    running.wait_for("the roles are known", is_primary(&new, 0.0));
    sentinel.fail_over();
    running.wait_for("the replica is the primary", is_primary(&new, 1.0));
    running.wait_for("the primary is a replica", is_primary(&old, 0.0));
    assert_eq!(running.logged(&format!("{new}: is now a primary")), 1, "{}", running.log());
    assert_eq!(running.logged(&format!("{old}: is now a replica")), 1, "{}", running.log());
}

#[test]
fn a_primary_that_dies_under_a_sentinel_leaves_the_metrics_of_the_new_one() {
    let mut primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let sentinel = Sentinel::of(&primary);
    let running = Running::of(&sentinel.url(), &["--sentinel", "service"]);
    let new = replica.address().to_string();
    running.wait_for("both answer", |it| it.sum("lockwatch_up", &[]) == Some(2.0));
    // The Sentinel would wait for a minute before it acts by itself.
    primary.kill();
    running.wait_for("the primary is away", |it| it.sum("lockwatch_up", &[]) == Some(1.0));
    sentinel.fail_over();
    let role = [("node", new.as_str()), ("role", "primary")];
    running.wait_for("the replica is the primary", |it| it.sum("lockwatch_role", &role) == Some(1.0));
}

/// Its primary forgets it, but it has to be seen that it is away.
#[test]
fn a_replica_that_died_stays_in_the_metrics() {
    let primary = Server::start();
    let mut replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let running = Running::of(&primary.url(), &[]);
    let node = replica.address().to_string();
    running.wait_for("both answer", |it| it.sum("lockwatch_up", &[]) == Some(2.0));
    replica.kill();
    let gone = format!("{node}: no longer one of the servers");
    let metrics = running.wait_for("the primary has forgotten it", |_| running.logged(&gone) == 1);
    assert_eq!(metrics.sum("lockwatch_up", &[("node", &node)]), Some(0.0));
    assert_eq!(metrics.sum("lockwatch_server_replicas", &[]), Some(0.0));
    replica.start_again();
    running.wait_for("it is back", |it| it.sum("lockwatch_up", &[]) == Some(2.0));
}

#[test]
fn all_nodes_of_a_cluster_are_found_from_one() {
    let cluster = Cluster::start();
    let running = Running::of(&cluster.nodes[1].url(), &[]);
    let metrics = running.wait_for("all answer", |it| it.sum("lockwatch_up", &[]) == Some(3.0));
    for node in &cluster.nodes {
        let node = node.address().to_string();
        assert_eq!(metrics.sum("lockwatch_module_loaded", &[("node", &node)]), Some(1.0));
        assert_eq!(metrics.sum("lockwatch_role", &[("node", &node), ("role", "primary")]), Some(1.0));
    }
    let one = Running::of(&cluster.nodes[1].url(), &["--single"]).scrape();
    assert_eq!(one.sum("lockwatch_up", &[]), Some(1.0));
}

#[test]
fn a_server_without_the_module_says_so() {
    let server = Server::builder().without_module().start();
    let running = Running::of(&server.url(), &[]);
    let metrics = running.scrape();
    assert_eq!(
        (metrics.sum("lockwatch_up", &[]), metrics.sum("lockwatch_module_loaded", &[])),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(metrics.count("lockwatch_info"), 0);
    wait_until("it is logged", || running.logged("the module lockwatch is not loaded") == 1);
}

/// A server that does not run at present. It goes on when this is dropped.
struct Stopped(u32);

impl Stopped {
    #[track_caller]
    fn of(server: &Server) -> Self {
        let pid = u32::try_from(server.info("server").number("process_id")).expect("a process id");
        send_signal("STOP", pid);
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        send_signal("CONT", self.0);
    }
}
