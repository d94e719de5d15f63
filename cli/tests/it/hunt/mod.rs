//! `lockwatch hunt`, with a real Postgres whose table the module has made.

mod failures;
mod site;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use lockwatch_test_support::cluster::Cluster;
use serde_json::Value;

use crate::program::{run, text};
use site::{Site, succeeded};

#[path = "../../../src/hunt/traffic/mod.rs"]
mod traffic;

use traffic::Log;

#[track_caller]
fn subjects(report: &Value, what: &str) -> Vec<String> {
    let strangest = report[what]["strangest"].as_array().unwrap();
    strangest.iter().map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
}

/// How many of `names` are attackers, with how often each group occurs.
fn judged(log: &Log, names: &[String], is_user: bool) -> (usize, HashMap<&'static str, usize>) {
    let mut groups = HashMap::new();
    let mut attackers = 0;
    for name in names {
        let of = |group: &&traffic::Group| {
            let members = if is_user { &group.users } else { &group.ips };
            members.contains(name)
        };
        let found: Vec<_> = log.groups.iter().filter(of).collect();
        let attack = found.iter().find(|group| group.is_attack);
        attackers += usize::from(attack.is_some());
        let group = attack.or(found.first()).unwrap_or_else(|| panic!("{name} is in the log"));
        *groups.entry(group.name).or_default() += 1;
    }
    (attackers, groups)
}

#[test]
fn planted_attackers_are_found_and_those_who_are_allowed_left_out() {
    let (site, log) = (Site::start(), traffic::week(21));
    site.load(&log);
    let report = site.json(&["--top", "20"]);
    assert_eq!(report["events"], log.calls.len());
    let (addresses, users) = (subjects(&report, "addresses"), subjects(&report, "users"));
    let (attackers, groups) = judged(&log, &addresses[..10], false);
    assert!(attackers >= 8, "{groups:?}");
    let (attackers, groups) = judged(&log, &users, true);
    assert!(attackers >= 5, "{groups:?}");
    assert_eq!(report, site.json(&["--top", "20"]), "the same log gives the same answer");

    let mut client = site.client();
    let mut expect_ok = |line: &str| {
        let answer = client.run(line);
        assert!(!answer.is_error(), "{line}: {answer:?}");
    };
    expect_ok(&format!("LW.ALLOW login IP {} FOR 1h", addresses[0]));
    expect_ok(&format!("LW.ALLOW login USER {} FOR 1h", users[0]));
    expect_ok(&format!("LW.BAN login IP {} FOR 1h", addresses[1]));
    expect_ok(&format!("CONFIG SET lockwatch.guard-never-ban {}", addresses[2]));
    let (excluded, excluded_user) = (addresses[3].as_str(), users[1].as_str());
    let report = site.json(&["--exclude", excluded, "--exclude-user", excluded_user]);
    let (left, left_users) = (subjects(&report, "addresses"), subjects(&report, "users"));
    for gone in [&addresses[0], &addresses[2], &addresses[3]] {
        assert!(!left.contains(gone), "{gone} in {left:?}");
    }
    assert!(!left_users.contains(&users[0]) && !left_users.contains(&users[1]), "{left_users:?}");
    assert_eq!((left.len(), left_users.len()), (10, 10));
    let strangest = report["addresses"]["strangest"].as_array().unwrap();
    let banned = strangest.iter().find(|it| it["subject"] == addresses[1].as_str()).unwrap();
    assert_eq!(banned["now"], "deny by operator");
}

#[test]
fn a_hostile_name_is_shown_as_text_and_banned_by_the_printed_line() {
    let site = Site::start();
    site.load_people(30);
    // In COPY's text format: a backslash before each character that is special there.
    let name = "evil \u{1b}[2J$(reboot)`x`\"'\\ \u{202e}\n;é";
    let in_copy = name.replace('\\', "\\\\").replace('\n', "\\n");
    let mut rows = String::new();
    for call in 0..200 {
        let time = format!("2026-03-02 {:02}:{:02}:30+00", call / 9, call % 60);
        writeln!(rows, "{time}\tlogin\t{in_copy}\t2001:db8:5::1\t/\u{1b}]0;{call}\tPOST\t200\tf\tf\t{{\"agent\":\"a{call}\"}}\t99\t{call}")
            .unwrap();
    }
    site.copy(&rows);
    let report = site.json(&[]);
    assert_eq!(subjects(&report, "users")[0], name);
    let printed = succeeded(&site.hunt(&[]));
    assert!(printed.chars().all(|char| char == '\n' || !char.is_control()), "{printed}");
    assert!(!printed.contains('\u{202e}') && printed.contains("\\x1b[2J"), "{printed}");
    assert!(printed.contains("2001:db8:5::/64"), "{printed}");

    let line = report["users"]["strangest"][0]["command"].as_str().unwrap();
    assert!(printed.contains(line));
    let mut cli = Command::new("redis-cli")
        .args(["-p", &site.server.address().port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(cli.stdin.take().unwrap(), "{line}").unwrap();
    let answer = text(&cli.wait_with_output().unwrap().stdout);
    assert!(answer.trim().parse::<i64>().is_ok(), "{line}: {answer}");
    let verdict = site.client().call(&["LW.WHY", "login", "USER", name]);
    assert_eq!(verdict.field("verdict").text(), "deny");
}

#[test]
fn a_user_whose_token_was_stolen_is_not_to_be_banned() {
    let site = Site::start();
    site.load_people(30);
    let mut rows = String::new();
    for call in 0..40 {
        let time = format!("2026-03-02 09:{call:02}:30+00");
        let kind = if call % 2 == 0 { "request" } else { "token.reuse" };
        writeln!(rows, "{time}\t{kind}\tcarol\t2001:db8:5::1\t/\tGET\t200\tf\tf\t{{}}\t99\t{call}").unwrap();
    }
    site.copy(&rows);
    let report = site.json(&["--by", "user", "--store", "my tokens"]);
    let found = report["users"]["strangest"].as_array().unwrap();
    let carol = found.iter().find(|it| it["subject"] == "carol").unwrap();
    assert_eq!(carol["command"], "LW.REVOKE \"my tokens\" SUBJECT carol");
    assert_eq!(report["short_log"], true);
    let printed = succeeded(&site.hunt(&["--by", "user"]));
    assert!(printed.contains("LW.REVOKE auth SUBJECT carol"), "{printed}");
    assert!(printed.contains("may be the victim") && !printed.contains("USER carol"), "{printed}");
    assert!(printed.contains("less than three days"), "{printed}");
}

#[test]
fn a_cron_run_raises_at_most_ten_alerts_and_none_again_for_a_day() {
    let site = Site::start();
    site.load_people(40);
    let alerts = |site: &Site| site.client().info("lockwatch").number("lockwatch_alert_raised_total");
    let before = alerts(&site);
    let all = ["--alert", "--alert-score", "0", "--json"];
    let report: Value = serde_json::from_str(&succeeded(&site.hunt(&all))).unwrap();
    assert_eq!(report["alerts"]["raised"], 10);
    let waiting = site.client().waiting();
    assert_eq!((alerts(&site) - before, waiting.len()), (10, 10));
    // Ten addresses and ten users are printed.
    for (raised, repeated) in [(10, 10), (0, 20)] {
        let line = succeeded(&site.hunt(&["--alert", "--alert-score", "0", "--quiet"]));
        let expected = format!("{raised} alerts raised, {repeated} raised before\n");
        assert!(line.ends_with(&expected) && line.lines().count() == 1, "{line}");
    }
    assert_eq!(alerts(&site) - before, 20);
    let line = succeeded(&site.hunt(&["--alert", "--alert-score", "1", "--quiet"]));
    assert!(line.ends_with("0 alerts raised, 0 raised before\n"), "{line}");
}

#[test]
fn in_a_cluster_the_guard_is_asked_where_it_is() {
    let (site, cluster) = (Site::start(), Cluster::start());
    site.load_people(30);
    let owner = &cluster.nodes[cluster.owner(cluster.slot("login:{t7}"))];
    assert!(!owner.client().run("LW.ALLOW login:{t7} IP 203.0.113.5 FOR 1h").is_error());
    let more =
        ["--guard", "login:{t7}", "--by", "ip", "--top", "40", "--alert", "--alert-score", "0", "--quiet"];
    // Whichever node is named, the one with the guard remembers the alerts.
    for (node, alerts) in
        cluster.nodes.iter().zip(["10 alerts raised, 0", "10 alerts raised, 10", "9 alerts raised, 20"])
    {
        let url = node.url();
        let line = ["hunt", "--redis", &url, "--database-url-file", &site.url_file, "--until", "2026-03-09"];
        let printed = succeeded(&run(line.into_iter().chain(more)));
        assert!(printed.contains("29 addresses") && printed.contains(alerts), "{printed}");
    }
}
