//! What an operator sees and asks during an attack.

use lockwatch_test_support::cluster::Cluster;
use lockwatch_test_support::{Stop, beside};
use unicode_width::UnicodeWidthChar;

use super::pty::Terminal;
use super::{prepare, search, server, stuff};

#[test]
fn a_denied_key_appears_and_is_filtered_sorted_and_explained() {
    let server = server();
    let load = |_, stop: &Stop| {
        let mut client = server.client();
        while !stop.is_set() {
            search(&mut client, b"search:mallory", 9);
            search(&mut client, b"search:eve", 1);
            client.run("LW.RATELIMIT api:acme 0 1m");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    beside(1, load, || {
        let mut top = Terminal::top(&server, 80, 24);
        top.shows("lockwatch top  127.0.0.1:");
        top.shows("search:mallory");
        top.shows("api:acme");
        top.waits_for("a rate of denials", |screen| {
            let line = screen.lines().find(|line| line.starts_with(" limiter")).unwrap_or_default();
            let numbers: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            matches!(numbers[..], [calls, denied, ..] if denied > 0.0 && calls >= denied)
        });
        top.press("/mall");
        top.shows("Filter: mall");
        top.hides("api:acme");
        top.press("\r");
        top.shows("(Esc drops it)");
        top.press("\r");
        top.shows("Key search:mallory");
        top.shows("5 in 10s, 30 in 1m");
        top.shows("0 of 5 units remain");
        top.shows("limiter, 64 bytes");
        top.press("q");
        top.shows("1 Keys]");
        top.press("r");
        top.press("\x1b");
        top.shows("api:acme");
        top.press("sssss");
        top.shows("KEY▼");
        top.waits_for("rows in the order of their keys", |screen| {
            screen.find("api:acme") < screen.find("search:eve")
        });
        top.press(" ");
        top.shows("PAUSED");
        top.press(" q");
        assert_eq!(top.code(), 0);
        top.is_restored();
    });
}

#[test]
fn a_ban_appears_and_is_explained() {
    let server = server();
    let mut client = server.client();
    let mut top = Terminal::top(&server, 80, 24);
    top.press("2");
    top.shows("Nobody is banned.");
    stuff(&mut client, "203.0.113.9");
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h REASON scans BY dora");
    top.shows("203.0.113.9");
    top.shows("1 new ban within a minute, by login/stuffing");
    top.shows("198.51.100.0/24");
    top.press("/stuffing\r\r");
    top.shows("Ban of 203.0.113.9");
    top.shows("What a call would be told now");
    top.shows("deny by stuffing");
    top.shows("LW.LIFT login IP 203.0.113.9 BY your-name");
    top.press("q");
    top.shows("[2 Bans");
    client.run("LW.LIFT login IP 203.0.113.9");
    top.shows("No row contains these words.");
    top.press("4");
    top.shows("login/stuffing");
    top.press("q");
    assert_eq!(top.code(), 0);
}

#[test]
fn hostile_names_reach_no_terminal() {
    let server = server();
    let mut client = server.client();
    let long = [b'x'; 300];
    let names: [&[u8]; 6] = [
        b"\x1b]0;owned\x07\x1b[2J\x1b[31mred",
        b"\x9b31m\r\n\0\x08\x7f",
        "\u{202e}gnp.exe 👍🏽 \u{5d0} e\u{301}".as_bytes(),
        "漢字漢字".as_bytes(),
        b"\xff\xfe\xc3(",
        &long,
    ];
    names.iter().for_each(|name| search(&mut client, name, 9));
    client.call(&[
        b"LW.BAN",
        &b"login"[..],
        b"IP",
        b"203.0.113.9",
        b"FOR",
        b"1h",
        b"REASON",
        names[0],
        b"BY",
        names[2],
    ]);
    let mut top = Terminal::top(&server, 200, 30);
    top.shows("\\x1b]0;owned");
    top.shows("漢字漢字");
    top.shows("\\u{202e}gnp.exe 👍\\u{1f3fd} \\u{5d0}");
    top.press("2");
    top.shows("203.0.113.9");
    top.press("\r");
    top.shows("LW.LIFT login IP 203.0.113.9");
    top.press("q1");
    top.shows("1 Keys]");
    // What is beside the keys begins in the same column in every row.
    for line in top.lines().iter().filter(|line| line.contains(" search  ")) {
        let columns: usize =
            line.chars().take_while(|char| *char != '│').map(|char| char.width().unwrap()).sum();
        assert_eq!(columns, 120, "{line:?}");
    }
    let raw = top.raw();
    for hostile in ["\x1b]0;", "\x1b[2J\x1b[31mred", "\x07", "\u{202e}", "\u{301}", "\u{5d0}", "\u{9b}"] {
        let found = raw.windows(hostile.len()).any(|window| window == hostile.as_bytes());
        assert!(!found, "{hostile:?} was written");
    }
    assert!(String::from_utf8(raw).is_ok());
}

#[test]
fn the_keys_of_all_nodes_of_a_cluster_are_in_one_list() {
    let cluster = Cluster::start();
    let names = ["search:a", "search:b", "search:c", "search:d", "search:e", "search:f"];
    let owner = |name: &str| cluster.owner(cluster.slot(name));
    let picked: Vec<&str> =
        (0..3).map(|node| *names.iter().find(|name| owner(name) == node).unwrap()).collect();
    for (node, name) in cluster.nodes.iter().zip(&picked) {
        let mut client = node.client();
        prepare(&mut client);
        search(&mut client, name.as_bytes(), 20);
    }
    let guard = cluster.owner(cluster.slot("login"));
    stuff(&mut cluster.nodes[guard].client(), "203.0.113.9");
    let mut top = Terminal::top(&cluster.nodes[0], 120, 40);
    top.shows("cluster: 3 primaries, 0 replicas");
    picked.iter().for_each(|name| top.shows(name));
    top.shows("203.0.113.9");
    top.shows("3 of 3");
    for name in &picked {
        top.press(&format!("/{name}\r\r"));
        top.shows(&format!("Key {name}"));
        top.shows("limiter, 64 bytes");
        top.press("q");
        top.shows("Filter:");
        // A lone Esc is told from the beginning of another key by what follows.
        top.press("\x1b");
        top.hides("Filter:");
    }
    top.press("\u{3}");
    assert_eq!(top.code(), 0);
    top.is_restored();
}
