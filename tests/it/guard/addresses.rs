//! How addresses are normalised, and IPv6 networks.

use super::{HOUR, server, subjects};
use crate::hostile::refused;

#[test]
fn an_ipv4_address_written_as_ipv6_counts_as_ipv4() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let forms = [
        "203.0.113.7",
        "::ffff:203.0.113.7",
        "::FFFF:cb00:7107",
        "64:ff9b::203.0.113.7",
        "64:ff9b::cb00:7107",
    ];
    for ip in forms {
        assert_eq!(client.attempt(&format!("IP {ip} USER alice")).says(), (0, ""), "{ip}");
    }
    for ip in forms {
        assert_eq!(client.attempt(&format!("IP {ip} USER alice")).says(), (1, "guess"), "{ip}");
    }
    client.run("LW.BAN login IP ::ffff:198.51.100.0/120 FOR 1h");
    client.run("LW.BAN login IP 64:ff9b::198.18.0.0/111 FOR 1h");
    assert_eq!(subjects(&client.run("LW.BANS login")), ["198.18.0.0/15", "198.51.100.0/24"]);
    assert_eq!(client.check("IP 64:ff9b::198.51.100.9").says(), (2, "operator"));
    // A local NAT64 prefix is no well-known one.
    assert_eq!(client.attempt("IP 64:ff9b:1::cb00:7107 USER alice").says(), (0, ""));
}

#[test]
fn an_ipv6_address_is_its_64() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for host in 0..5 {
        assert_eq!(client.attempt(&format!("IP 2001:db8:1:2::{host:x} USER alice")).says(), (0, ""));
    }
    assert_eq!(client.attempt("IP 2001:db8:1:2:ffff:ffff:ffff:ffff USER alice").says(), (1, "guess"));
    assert_eq!(client.attempt("IP 2001:db8:1:3:: USER alice").says(), (0, ""));
    for n in 0..10 {
        assert_eq!(client.event(&format!("failure IP 2001:db8:1:2::{n} USER user{n}")).verdict, 0);
    }
    assert_eq!(client.event("failure IP 2001:db8:1:2::99 USER last").says(), (2, "stuffing"));
    assert_eq!(subjects(&client.run("LW.BANS login")), ["2001:db8:1:2::/64"]);
    assert_eq!(client.check("IP 2001:db8:1:2:7::7").says(), (2, "stuffing"));
    assert_eq!(client.check("IP 2001:db8:1:3::7").says(), (0, ""));
}

#[test]
fn a_48_has_four_times_the_numbers() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for n in 0..40 {
        let verdict = client.event(&format!("failure IP 2001:db8:1:{n:x}::1 USER user{n}"));
        assert_eq!(verdict.says(), (0, ""), "{n}");
    }
    let verdict = client.event("failure IP 2001:db8:1:ffff::1 USER last");
    assert_eq!((verdict.says(), verdict.alerted), ((2, "stuffing"), 1));
    assert_eq!(subjects(&client.run("LW.BANS login")), ["2001:db8:1::/48"]);
    assert_eq!(client.check("IP 2001:db8:1:abcd::1").says(), (2, "stuffing"));
    assert_eq!(client.check("IP 2001:db8:2::1").says(), (0, ""));
    // 120 failures of few users, four of each /64.
    for n in 0..120 {
        let verdict = client.event(&format!("failure IP 2001:db8:2:{:x}::1 USER user{n}", n / 4));
        assert_eq!(verdict.verdict, if n < 40 { 0 } else { verdict.verdict }, "{n}");
    }
}

#[test]
fn brute_counts_four_times_as_many_failures_of_a_48() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let failure = |n: usize| format!("failure IP 2001:db8:2:{:x}::1 USER user{}", n / 8, n % 8);
    for n in 0..120 {
        assert_eq!(client.event(&failure(n)).says(), (0, ""), "{n}");
    }
    assert_eq!(client.event(&failure(120)).says(), (2, "brute"));
    assert_eq!(subjects(&client.run("LW.BANS login")), ["2001:db8:2::/48"]);
}

#[test]
fn lifting_an_ipv6_address_lifts_its_64_and_its_48() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.run("LW.BAN login IP 2001:db8:1::/48 FOR 1h");
    client.run("LW.BAN login IP 2001:db8:1:2::/64 FOR 1h");
    client.run("LW.BAN login IP 2001:db8:1:3::8 FOR 1h");
    assert_eq!(client.lift("IP 2001:db8:1:2::7"), 2);
    assert_eq!(subjects(&client.run("LW.BANS login")), ["2001:db8:1:3::/64"]);
    assert_eq!(client.check("IP 2001:db8:1:2::7").says(), (0, ""));
}

#[test]
fn a_block_may_be_as_large_as_an_8_or_a_19() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for (block, shown) in [
        ("203.0.113.7/8", "203.0.0.0/8"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("2001:db8::1/19", "2001::/19"),
        ("2001:db8::1/128", "2001:db8::/64"),
        ("2001:db8::1", "2001:db8::/64"),
    ] {
        assert_eq!(client.until(&format!("LW.BAN login IP {block} FOR 1h")), now + HOUR, "{block}");
        assert_eq!(subjects(&client.run("LW.BANS login")), [shown]);
        assert_eq!(client.lift(&format!("IP {block}")), 1);
    }
    for block in
        ["203.0.0.0/7", "0.0.0.0/0", "2001::/18", "::/0", "::ffff:0:0/96", "::ffff:0:0/90", "64:ff9b::/103"]
    {
        let error = refused(&mut client, &["LW.BAN", "login", "IP", block, "FOR", "1h"]);
        assert!(error.contains("block"), "{error}");
    }
    for ip in [
        "",
        "203.0.113",
        "203.0.113.7:80",
        "203.0.113.07",
        "[::1]",
        "fe80::1%eth0",
        "203.0.113.0/33",
        "\0",
        "::g",
    ] {
        for call in [
            &["LW.BAN", "login", "IP", ip, "FOR", "1h"][..],
            &["LW.ATTEMPT", "login", "IP", ip],
            &["LW.EVENT", "login", "failure", "IP", ip],
            &["LW.CHECK", "login", "IP", ip],
            &["LW.LIFT", "login", "IP", ip],
            &["LW.WHY", "login", "IP", ip],
        ] {
            let error = refused(&mut client, call);
            assert!(error.starts_with("ERR ip '") || error.starts_with("ERR IP '"), "{error}");
        }
    }
}
