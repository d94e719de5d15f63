//! Hostile arguments get a clear error, leave the server running and count nothing.

use crate::hostile::{malformed_call, refused};
use crate::support::{Client, Server};

const SYNTAX: &str =
    "LW.BURST key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m] [AGENT ua]";

/// A server whose key `held` has been called.
fn server_with_a_key() -> Server {
    let server = Server::start();
    server.client().burst("held 10 1h");
    server
}

#[track_caller]
fn malformed(client: &mut Client, args: &[&[u8]], what: &str) {
    malformed_call(client, ("LW.BURST", SYNTAX), args, what);
}

#[test]
fn a_threshold_that_is_not_an_integer_in_range_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for threshold in [
        "",
        "0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e3",
        "nan",
        "inf",
        "ten",
        " 1",
        "1 ",
        "9007199254740992",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "COOLDOWN",
    ] {
        let what = format!("threshold '{threshold}' is not an integer from 1 to 9007199254740991");
        malformed(&mut client, &[threshold.as_bytes(), b"60"], &what);
    }
    malformed(&mut client, &[b"1\0", b"60"], r"threshold '1\x00' is not an integer");
    malformed(&mut client, &[&[b'9'; 1 << 20], b"60"], "threshold '999");
}

#[test]
fn an_invalid_window_or_cooldown_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for text in ["", ".", "-1", "+60", "nan", "inf", "1e3", "60x", "1w", "1h30m", "ms", "IP"] {
        let what = format!("'{text}' is not a duration in seconds or with a unit");
        malformed(&mut client, &[b"10", text.as_bytes()], &format!("window {what}"));
        malformed(&mut client, &[b"10", b"60", b"COOLDOWN", text.as_bytes()], &format!("cooldown {what}"));
    }
    for text in ["0", "0.0009", "0s", "3650.1d", "315360001", "18446744073709551616"] {
        let what = format!("'{text}' is out of range: one millisecond to ten years (3650d)");
        malformed(&mut client, &[b"10", text.as_bytes()], &format!("window {what}"));
        malformed(&mut client, &[b"10", b"60", b"COOLDOWN", text.as_bytes()], &format!("cooldown {what}"));
    }
}

#[test]
fn an_invalid_ip_address_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for ip in ["", "192.0.2", "192.0.2.256", "10.0.0.0/8", "[::1]", "::1%lo", "localhost", "192.0.2.1:80"] {
        let what = format!("ip '{ip}' is not an IPv4 or IPv6 address");
        malformed(&mut client, &[b"10", b"60", b"IP", ip.as_bytes()], &what);
    }
    malformed(&mut client, &[b"10", b"60", b"IP", b"::1\0"], r"ip '::1\x00' is not an IPv4");
    malformed(&mut client, &[b"10", b"60", b"IP", &[b':'; 1 << 20]], "ip ':::");
}

#[test]
fn a_method_that_is_not_an_http_token_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    let long = "A".repeat(33);
    for method in ["", "GET /", "GET,POST", "(x)", "a:b", &long] {
        let what = format!("method '{method}' is not an HTTP token of 1 to 32 characters");
        malformed(&mut client, &[b"10", b"60", b"METHOD", method.as_bytes()], &what);
    }
    malformed(&mut client, &[b"10", b"60", b"METHOD", b"GET\r\n"], r"method 'GET\x0d\x0a' is not");
}

#[test]
fn options_that_are_repeated_or_without_a_value_are_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (option, value) in
        [("COOLDOWN", "1"), ("IP", "::1"), ("ENDPOINT", "/"), ("METHOD", "GET"), ("AGENT", "AGENT")]
    {
        let (word, value) = (option.as_bytes(), value.as_bytes());
        malformed(&mut client, &[b"10", b"60", word], &format!("{option} has no value"));
        let lower = option.to_lowercase();
        let twice = [b"10", b"60", word, value, lower.as_bytes(), value];
        malformed(&mut client, &twice, &format!("{option} is given twice"));
        malformed(&mut client, &twice[..5], &format!("{option} is given twice"));
    }
}

#[test]
fn the_error_for_a_misspelt_option_suggests_the_nearest_one() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (word, meant) in [
        ("COLDOWN", "COOLDOWN"),
        ("ENDPOINTS", "ENDPOINT"),
        ("methode", "METHOD"),
        ("AGNET", "AGENT"),
        ("I", "IP"),
    ] {
        let what = format!("unknown option '{word}', did you mean {meant}?");
        malformed(&mut client, &[b"10", b"60", word.as_bytes(), b"1"], &what);
    }
    malformed(&mut client, &[b"10", b"60", b"THRESHOLD", b"1"], "unknown option 'THRESHOLD': LW.");
    malformed(&mut client, &[b"10", b"60", b"20", b"1h"], "unknown option '20'");
    malformed(&mut client, &[b"10", b"60", b"IP\0", b"::1"], r"unknown option 'IP\x00', did you mean IP?");
}

#[test]
fn the_smallest_and_largest_values_are_accepted() {
    let server = Server::start();
    let mut client = server.client();
    for args in [
        "1 1ms",
        "1 0.001",
        "9007199254740991 3650d",
        "1 60 COOLDOWN 1ms",
        "1 60 COOLDOWN 3650d",
        "1 60 METHOD M-SEARCH",
        "1 60 METHOD !#$%&'*+-.^_`|~09azAZxxxxxxxxxx",
        "1 60 IP 2001:db8:ffff:ffff:ffff:ffff:255.255.255.255",
        "1 60 IP 0.0.0.0",
    ] {
        client.burst(&format!("k {args}"));
    }
}

#[test]
fn a_malformed_call_is_refused_before_the_type_of_its_key_is_checked() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET other text");
    let message = refused(&mut client, &["LW.BURST", "other", "10", "sixty"]);
    assert!(message.starts_with("ERR window 'sixty'"), "{message:?}");
}
