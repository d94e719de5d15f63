//! Who may call what, and where users are shown.

use super::server;
use crate::support::{Client, Server, Value};

const OF_OPERATORS: [&str; 5] = [
    "LW.BAN login IP 203.0.113.7 FOR 1h",
    "LW.ALLOW login IP 203.0.113.7 FOR 1h",
    "LW.LIFT login IP 203.0.113.7",
    "LW.BANS login",
    "LW.WHY login IP 203.0.113.7",
];

const OF_APPLICATIONS: [&str; 4] = [
    "LW.ATTEMPT login IP 203.0.113.7 USER alice",
    "LW.EVENT login failure IP 203.0.113.7 USER alice",
    "LW.CHECK login IP 203.0.113.7",
    "LW.RULES login",
];

fn user(server: &Server, rules: &str) -> Client {
    server.client().run(&format!("ACL SETUSER guest reset on nopass {rules}"));
    let mut client = server.client();
    assert_eq!(client.run("AUTH guest any").text(), "OK");
    client
}

fn is_refused(client: &mut Client, line: &str) -> bool {
    matches!(client.run(line), Value::Error(why) if why.starts_with("NOPERM"))
}

#[test]
fn an_application_may_not_ban_lift_or_list() {
    let server = server();
    let by_name = "~login* +lw.attempt +lw.event +lw.check +lw.rules";
    let mut rules = vec![by_name];
    // Redis 7.4 and Valkey 8 know categories of modules.
    if server.is_at_least((7, 4), (8, 0)) {
        rules.extend(["~login* +@lockwatch", "~* +@all -@admin", "~* +@all -@dangerous"]);
    }
    for rules in rules {
        let mut client = user(&server, rules);
        for line in OF_APPLICATIONS {
            assert!(!client.run(line).is_error(), "{rules}: {line}");
        }
        for line in OF_OPERATORS {
            assert!(is_refused(&mut client, line), "{rules}: {line}");
        }
    }
    let mut client = user(&server, by_name);
    assert!(is_refused(&mut client, "LW.CHECK http IP 203.0.113.7"), "another key");
}

#[test]
fn a_support_user_may_ban_lift_and_list_and_is_named() {
    let server = server();
    let mut client = user(&server, "~login* +lw.ban +lw.allow +lw.lift +lw.bans +lw.why +lw.rules");
    for line in OF_OPERATORS {
        assert!(!client.run(line).is_error(), "{line}");
    }
    for line in &OF_APPLICATIONS[..3] {
        assert!(is_refused(&mut client, line), "{line}");
    }
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    assert_eq!(client.run("LW.BANS login").items()[0].field("acl_user").text(), "guest");
    let mut reader = user(&server, "%R~login* +lw.bans +lw.why +lw.lift +lw.check");
    assert!(!reader.run("LW.BANS login").is_error() && !reader.run("LW.CHECK login USER a").is_error());
    assert!(is_refused(&mut reader, "LW.LIFT login IP 203.0.113.7"));
}

#[test]
fn monitor_and_slowlog_show_no_user() {
    let server = server();
    let mut client = server.client();
    client.run("CONFIG SET slowlog-log-slower-than 0");
    client.run("CONFIG SET latency-monitor-threshold 1");
    let mut monitor = server.client();
    assert_eq!(monitor.run("MONITOR").text(), "OK");
    for line in [
        "LW.ATTEMPT login IP 203.0.113.7 USER hunter2 DEVICE hunter2 VALUE hunter2",
        "LW.EVENT login failure IP 203.0.113.7 USER hunter2 KEY hunter2 VALUE hunter2",
        "LW.CHECK login USER hunter2 KEY hunter2 DEVICE hunter2",
        "LW.BAN login USER hunter2 FOR 1h",
        "LW.ALLOW login USER hunter2 FOR 1h",
        "LW.WHY login USER hunter2",
        "LW.LIFT login USER hunter2",
    ] {
        assert!(!client.run(line).is_error(), "{line}");
    }
    client.run("PING the-end");
    let mut shown = String::new();
    while !shown.contains("the-end") {
        shown += &monitor.read().text();
    }
    let slow = client.run("SLOWLOG GET -1");
    let logged: Vec<_> = slow.items().iter().map(|entry| entry.items()[3].texts().join(" ")).collect();
    let logged = logged.join("\n");
    assert!(logged.contains("CONFIG"), "{logged}");
    for text in [&shown, &logged, &server.log(), &client.call(&["INFO", "everything"]).text()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    // Neither does the value of the key.
    let dump = client.dump("login");
    assert!(!dump.windows(7).any(|bytes| bytes == b"hunter2"));
}
