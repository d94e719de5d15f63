//! What the metrics say of policies, rules and outcomes, and how many series there can be.

use std::fmt::Write;
use std::time::Instant;

use lockwatch_test_support::Server;

use super::running::Running;

#[test]
fn calls_are_counted_by_outcome() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.POLICY SET login 2 1m");
    client.run("LW.POLICY SET trial 1 1m SHADOW");
    (0..5).for_each(|_| drop(client.run("LW.RATELIMIT a @login")));
    (0..3).for_each(|_| drop(client.run("LW.RATELIMIT b @trial")));
    client.run("LW.RATELIMIT c 1 1m FORCE");
    (0..3).for_each(|_| drop(client.run("LW.MRATELIMIT d 1 1m 1")));
    let metrics = Running::of(&server.url(), &[]).scrape();
    let calls = |command, outcome| {
        metrics.sum("lockwatch_ratelimit_calls_total", &[("command", command), ("outcome", outcome)])
    };
    assert_eq!(calls("lw.ratelimit", "denied"), Some(3.0));
    assert_eq!(calls("lw.ratelimit", "forced"), Some(1.0));
    assert_eq!(calls("lw.ratelimit", "admitted"), Some(5.0));
    assert_eq!(calls("lw.mratelimit", "denied"), Some(2.0));
    let policy = |policy, outcome| {
        metrics.sum("lockwatch_policy_calls_total", &[("policy", policy), ("outcome", outcome)])
    };
    assert_eq!((policy("login", "admitted"), policy("login", "denied")), (Some(2.0), Some(3.0)));
    assert_eq!((policy("trial", "admitted"), policy("trial", "shadow_denied")), (Some(1.0), Some(2.0)));
}

#[test]
fn rules_are_counted_by_outcome() {
    let server = Server::builder().config("lockwatch.guard-learn 0").start();
    let mut client = server.client();
    (0..9).for_each(|_| drop(client.run("LW.ATTEMPT login IP 203.0.113.9 USER alice")));
    (0..40).for_each(|i| drop(client.run(&format!("LW.EVENT http 404 IP 203.0.113.9 VALUE /{i}"))));
    client.run("LW.EVENT login success IP 203.0.113.9 USER alice");
    client.run("LW.EVENT login failure IP 203.0.113.9 USER alice");
    let metrics = Running::of(&server.url(), &[]).scrape();
    let rule = |name: &str, guard, rule, outcome| {
        metrics.sum(name, &[("guard", guard), ("rule", rule), ("outcome", outcome)])
    };
    assert_eq!(rule("lockwatch_guard_rule_fired_total", "login", "guess", "enforced"), Some(1.0));
    assert_eq!(rule("lockwatch_guard_rule_fired_total", "http", "probe", "enforced"), Some(0.0));
    assert!(rule("lockwatch_guard_rule_fired_total", "http", "probe", "observed") >= Some(1.0));
    assert!(rule("lockwatch_guard_rule_verdicts_total", "login", "guess", "challenged") >= Some(1.0));
    let event = |event| metrics.sum("lockwatch_guard_events_total", &[("event", event)]);
    assert_eq!([event("success"), event("no_success"), event("other")], [Some(1.0), Some(1.0), Some(40.0)]);
    let attempts = |outcome| metrics.sum("lockwatch_guard_attempts_total", &[("outcome", outcome)]);
    let all = attempts("admitted").zip(attempts("challenged")).map(|(a, b)| a + b);
    assert_eq!(all, Some(9.0));
}

/// However many scrape, a server is asked once in five seconds, and for its replicas once in ten.
#[test]
fn many_scrapers_cost_a_server_no_more_than_one() {
    let server = Server::start();
    let running = Running::of(&server.url(), &[]);
    running.scrape();
    let mut client = server.client();
    let mut calls = || {
        let line = client.info("commandstats").text("cmdstat_info");
        let count = line.split(['=', ',']).nth(1).and_then(|count| count.parse::<u64>().ok());
        count.expect("a number of calls")
    };
    let (before, began) = (calls(), Instant::now());
    std::thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| (0..25).for_each(|_| drop(running.scrape())))));
    });
    let rounds = began.elapsed().as_secs() / 5 + 1;
    // A sample is one call, a search two. One more is that of this test.
    assert!(calls() - before <= 3 * rounds + 1, "{} calls for 200 scrapes", calls() - before);
}

/// However many policies, rules and endpoints there are, a server adds a bounded number of series.
#[test]
fn the_number_of_series_is_bounded() {
    let mut rules = String::new();
    for (guard, rule) in (0..8).flat_map(|guard| (0..25).map(move |rule| (guard, rule))) {
        let _ = writeln!(rules, "guard{guard} rule{rule} ip kind{rule} 5 leak 1m alert enforce");
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules");
    std::fs::write(&file, rules).unwrap();
    let server = Server::builder().config(format!("lockwatch.guard-rules-file {}", file.display())).start();
    let mut client = server.client();
    let calls: Vec<Vec<String>> = (0..1000)
        .map(|i| ["LW.POLICY", "SET", &format!("policy-{i}"), "5", "1m"].map(str::to_owned).to_vec())
        .collect();
    assert!(client.pipeline(&calls).iter().all(|answer| answer.text() == "OK"));
    let running = Running::of(&server.url(), &[]);
    let metrics = running.scrape();
    assert_eq!(metrics.sum("lockwatch_policies", &[]), Some(1000.0));
    assert_eq!(metrics.count("lockwatch_policy_calls_total"), 300);
    assert_eq!(metrics.count("lockwatch_guard_rule_fired_total"), 200);
    assert!(metrics.names().count() < 1000, "{} series", metrics.names().count());
    // The fastest of some calls: others may have had to wait for a busy machine.
    let all = "INFO server clients memory persistence stats replication cluster lockwatch";
    let micros = (0..20).map(|_| {
        client.run("CONFIG RESETSTAT");
        client.run(all);
        let line = client.info("commandstats").text("cmdstat_info");
        line.split(['=', ',']).nth(3).and_then(|usec| usec.parse::<u64>().ok()).expect("a time")
    });
    assert!(micros.min() < Some(1000), "INFO takes a server a millisecond or more");
}
