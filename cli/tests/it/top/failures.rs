//! Servers that are away, slow, or failing over.

use std::time::Instant;

use lockwatch_test_support::proxy::{Proxy, Way};
use lockwatch_test_support::sentinel::Sentinel;
use lockwatch_test_support::{Server, wait_until};

use super::pty::Terminal;
use super::{search, server};

#[test]
fn a_server_that_is_killed_is_away_until_it_is_back() {
    let mut server = server();
    search(&mut server.client(), b"search:mallory", 50);
    let mut top = Terminal::top(&server, 80, 24);
    top.shows("search:mallory");
    top.shows("Nothing is wrong.");
    server.kill();
    top.shows("is away since");
    top.shows("connection refused");
    top.shows("0 of 1");
    top.press("5");
    top.shows("away since");
    server.start_again();
    top.shows("Nothing is wrong.");
    top.press("1");
    // The server's counters began anew, and no rate is negative.
    top.hides("search:mallory");
    top.shows("No call was denied lately.");
    let screen = top.screen();
    assert!(!screen.contains(" -"), "{screen}");
    top.press("q");
    assert_eq!(top.code(), 0);
}

#[test]
fn it_starts_without_a_server_and_finds_it_later() {
    let mut server = server();
    server.kill();
    let top = Terminal::top(&server, 80, 24);
    top.shows("is away since");
    server.start_again();
    top.shows("Nothing is wrong.");
}

#[test]
fn a_server_that_does_not_answer_is_slow_and_the_keys_still_work() {
    let server = server();
    let proxy = Proxy::to(server.address());
    let url = format!("redis://{}/", proxy.address());
    let mut top = Terminal::start(&["--redis", &url, "--single", "--timeout", "500ms"], &[], 80, 24);
    top.shows("Nothing is wrong.");
    proxy.set(Way::Cut);
    top.shows("no answer since");
    top.press("?");
    top.shows("reverse the order");
    top.press("q");
    top.hides("reverse the order");
    proxy.set(Way::Open);
    top.shows("Nothing is wrong.");
}

#[test]
fn a_failover_of_sentinel_is_followed() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let sentinel = Sentinel::of(&primary);
    let url = sentinel.url();
    let mut top = Terminal::start(&["--redis", &url, "--timeout", "1s"], &[], 100, 30);
    top.shows("Sentinel: 1 primary, 1 replica");
    top.press("5");
    let shows_as_primary = |server: &Server| {
        let address = server.address().to_string();
        let line = move |screen: &str| {
            screen.lines().any(|line| line.contains(&address) && line.contains("primary"))
        };
        top.waits_for("the primary", line);
    };
    shows_as_primary(&primary);
    sentinel.fail_over();
    wait_until("the replica is promoted", || replica.info("replication").text("role") == "master");
    shows_as_primary(&replica);
    let mut client = replica.client();
    top.waits_for("the new primary's denials", |screen| {
        client.run("LW.RATELIMIT api:late 0 1m");
        let line = screen.lines().find(|line| line.starts_with(" limiter")).unwrap_or_default();
        let denied = line.split_whitespace().nth(2).and_then(|word| word.parse::<f64>().ok());
        denied.is_some_and(|denied| denied > 0.0)
    });
}

#[test]
fn a_user_who_may_not_list_keys_reads_why() {
    let server = server();
    let mut client = server.client();
    client.run("ACL SETUSER viewer on >secret123 ~* +ping +info +hello +client +select +role +scan");
    let url = server.url();
    let args = ["--redis", &url, "--user", "viewer", "--single"];
    let top = Terminal::start(&args, &[("LOCKWATCH_REDIS_PASSWORD", "secret123")], 120, 30);
    top.shows("refuses LW.TOP: NOPERM");
    assert!(!top.screen().contains("secret123"));
}

#[test]
fn a_server_is_asked_for_one_info_and_one_top_an_interval() {
    let server = server();
    let calls = |name: &str| {
        let stats = server.info("commandstats").fields;
        let line = stats.iter().find(|(field, _)| field.eq_ignore_ascii_case(&format!("cmdstat_{name}")));
        let calls = line.and_then(|(_, line)| line.split([',', '=']).nth(1)?.parse::<u32>().ok());
        calls.unwrap_or(0)
    };
    let top = Terminal::start(&["--redis", &server.url(), "--single", "--interval", "200ms"], &[], 80, 24);
    top.shows("Nothing is wrong.");
    let (began, tops) = (Instant::now(), calls("lw.top"));
    wait_until("ten intervals have passed", || calls("lw.top") >= tops + 10);
    let intervals = began.elapsed().as_millis() / 200;
    assert!(u128::from(calls("lw.top") - tops) <= intervals + 2, "{intervals}");
    // Bans are fetched only after something has changed, and there is no guard.
    assert_eq!(calls("lw.bans"), 0);
}
