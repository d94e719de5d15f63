//! The JSON of an alert: any valid JSON of at most 64 KiB.

use crate::hostile::refused;
use crate::support::Server;
use crate::support::receiver::Receiver;

#[test]
fn any_json_arrives_unchanged() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    let escaped = r#""\u0000\n\t\\\"\/\ud83d\ude00 \u2028""#;
    for (i, json) in [
        "null",
        "true",
        "0",
        "-0.0",
        "12345678901234567890123456789",
        "1e400",
        "0.1",
        "\"\"",
        escaped,
        "\"ä€😀\"",
        "[]",
        "{}",
        r#"{"a":1,"a":2}"#,
        " \t\r\n[1, 2 ,3]\n ",
        r#"{"":{"":[[[]]]}}"#,
    ]
    .iter()
    .enumerate()
    {
        let id = client.alert(&format!("json.{i}"), json);
        let body = String::from_utf8(receiver.wait_for_alert(&id).body.clone()).unwrap();
        assert!(body.contains(&format!("\"data\":{}", json.trim())), "{body} does not contain {json}");
    }
}

#[test]
fn a_lone_surrogate_arrives_unchanged() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    for json in [r#""\ud800""#, r#"{"\udc00":1}"#] {
        let id = client.alert("half", json);
        let request = receiver.wait_for_alert(&id);
        assert!(String::from_utf8(request.body.clone()).unwrap().contains(json));
    }
}

#[test]
fn invalid_json_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    for bad in [
        &b""[..],
        b" ",
        b"nonsense",
        b"'a'",
        b"{",
        b"[1,]",
        b"{a:1}",
        b"{\"a\"}",
        b"1 2",
        b"{}{}",
        b"[] x",
        b"01",
        b"+1",
        b"NaN",
        b"Infinity",
        b"\"a",
        b"\"\n\"",
        b"\"\0\"",
        b"\0",
        b"1\0",
        b"\"\\x\"",
        b"\"\xff\"",
        b"\xff",
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\xaf\"",
        b"\xef\xbb\xbf{}",
        b"// comment\n1",
        b"tru",
    ] {
        let message = refused(&mut client, &[&b"LW.ALERT"[..], b"t", bad]);
        assert!(message.starts_with("ERR json "), "{message}");
    }
}

#[test]
fn json_of_64_kib_is_accepted_and_one_byte_more_is_refused() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    let json = format!("\"{}\"", "x".repeat(65_534));
    let id = client.alert("large", &json);
    assert_eq!(receiver.wait_for_alert(&id).member("data").as_str().unwrap().len(), 65_534);
    let padded = format!("{}1", " ".repeat(65_535));
    client.alert("padded", &padded);
    client.wait_until_delivered();
    for over in
        [format!("\"{}\"", "x".repeat(65_535)), format!("1{}", " ".repeat(65_536)), "1".repeat(1 << 24)]
    {
        let message = refused(&mut client, &["LW.ALERT", "larger", &over]);
        assert!(message.contains("65536"), "{message}");
    }
}

#[test]
fn json_of_128_levels_arrives_unchanged_and_deeper_json_is_refused() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    // `refused` checks that nothing is written, and deliveries write. Use a server without
    // endpoints.
    let idle = Server::start();
    let mut idle = idle.client();
    for depth in [10, 100, 127, 128, 129, 1000, 10_000, 32_768] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", "{\"\":".repeat(depth.min(10_900)), "}".repeat(depth.min(10_900)));
        for json in [arrays, objects] {
            if depth > 128 {
                let message = refused(&mut idle, &["LW.ALERT", "deep", &json]);
                assert!(message.starts_with("ERR json is nested deeper than 128 levels"), "{message}");
            } else {
                let id = client.alert(&format!("deep.{depth}"), &json);
                let request = receiver.wait_for_alert(&id);
                assert!(String::from_utf8(request.body.clone()).unwrap().contains(&json));
            }
        }
        // Unclosed arrays.
        refused(&mut idle, &["LW.ALERT", "deep", &"[".repeat(depth)]);
    }
}
