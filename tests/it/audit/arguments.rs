//! The arguments of LW.AUDIT and LW.AUDITLOG, valid and invalid.

use crate::support::{Client, Random, Server, Value, wait_until};

#[track_caller]
fn refused(client: &mut Client, line: &str) -> String {
    let appended = client.audit_info("appended_total");
    let message = client.run(line).error().to_owned();
    assert_eq!(client.audit_info("appended_total"), appended, "{line} was refused and recorded");
    message
}

#[test]
fn an_event_is_recorded_with_all_its_fields() {
    let server = Server::start();
    let mut client = server.client();
    let id = client.audit(
        "latency 12.5ms USER alice ip 2001:db8::1 Method PATCH ENDPOINT /v1/items KIND login STATUS 429 LIMITED anomaly DATA {\"a\":1}",
    );
    let events = client.audit_log("");
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.id, id);
    assert_eq!(id.split('-').next().unwrap(), event.timestamp_ms.to_string());
    assert_eq!(event.kind, "login");
    assert_eq!(event.user_id.as_deref(), Some("alice"));
    assert_eq!(event.ip.as_deref(), Some("2001:db8::1"));
    assert_eq!(event.endpoint.as_deref(), Some("/v1/items"));
    assert_eq!(event.method.as_deref(), Some("PATCH"));
    assert_eq!(event.status_code, Some(429));
    assert!(event.rate_limit_hit && event.anomaly_detected);
    assert_eq!(event.latency_ms.as_deref(), Some("12.5"));
    assert_eq!(event.data.as_deref(), Some("{\"a\":1}"));
}

#[test]
fn missing_fields_of_an_event_are_nil() {
    let server = Server::start();
    let mut client = server.client();
    client.audit("LIMITED");
    let event = client.audit_log("").remove(0);
    assert_eq!(event.kind, "request");
    assert!(event.rate_limit_hit && !event.anomaly_detected);
    assert_eq!((event.user_id, event.ip, event.endpoint, event.method), (None, None, None, None));
    assert_eq!((event.status_code, event.latency_ms, event.data), (None, None, None));
}

#[test]
fn the_error_for_a_malformed_event_names_the_argument() {
    let server = Server::start();
    let mut client = server.client();
    for (line, expected) in [
        ("LW.AUDIT KIND login", "at least one field besides KIND and TIME"),
        ("LW.AUDIT TIME 1700000000000", "at least one field besides KIND and TIME"),
        ("LW.AUDIT USER a USER b", "USER is given twice"),
        ("LW.AUDIT LIMITED LIMITED", "LIMITED is given twice"),
        ("LW.AUDIT USER", "USER has no value"),
        ("LW.AUDIT USR a", "did you mean USER?"),
        ("LW.AUDIT USER a KIND gap", "kind 'gap' is the module's own: it may not be burst, gap"),
        ("LW.AUDIT USER a KIND token.reuse", "kind 'token.reuse' is the module's own"),
        (
            "LW.AUDIT USER a KIND Audit.Lag",
            "begin with audit., burst., guard., lockwatch., token. or end with .summary",
        ),
        ("LW.AUDIT USER a KIND a/b", "kind 'a/b' is not 1 to 64 letters"),
        ("LW.AUDIT IP 10.0.0.256", "ip '10.0.0.256' is not an IPv4 or IPv6 address"),
        ("LW.AUDIT IP 10.0.0.0/8", "is not an IPv4 or IPv6 address"),
        ("LW.AUDIT METHOD G(T", "method 'G(T' is not an HTTP token"),
        ("LW.AUDIT STATUS 99", "status '99' is not an integer from 100 to 599"),
        ("LW.AUDIT STATUS 600", "is not an integer from 100 to 599"),
        ("LW.AUDIT STATUS -200", "is not an integer from 100 to 599"),
        ("LW.AUDIT STATUS 99999999999999999999", "is not an integer from 100 to 599"),
        ("LW.AUDIT LATENCY -1", "latency '-1' is not a duration"),
        ("LW.AUDIT LATENCY 1e3", "is not a duration"),
        ("LW.AUDIT LATENCY 3651d", "out of range: 0 to ten years"),
        ("LW.AUDIT USER a TIME 946684799999", "time '946684799999' is before the year 2000"),
        ("LW.AUDIT USER a TIME now", "time 'now' is not a time in Unix milliseconds"),
        ("LW.AUDIT DATA {", "data is not JSON at line 1"),
        ("LW.AUDIT DATA nan", "data is not JSON"),
    ] {
        let message = refused(&mut client, line);
        assert!(message.starts_with("ERR ") && message.contains(expected), "{line}: {message}");
        assert!(message.contains("LW.AUDIT [KIND k] [USER id]"), "{message}");
    }
    assert!(refused(&mut client, "LW.AUDIT").contains("wrong number of arguments"));
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    assert!(client.call(&["LW.AUDIT", "DATA", &deep]).error().contains("deeper than 128"));
    assert!(client.call(&[&b"LW.AUDIT"[..], b"DATA", b"\"\xff\""]).error().contains("not UTF-8"));
    assert_eq!(client.audit_log(""), []);
}

#[test]
fn times_up_to_an_hour_ahead_are_accepted() {
    let server = Server::builder().any_age().start();
    let mut client = server.client();
    let now = client.run("TIME").texts()[0].parse::<i64>().unwrap() * 1000;
    assert!(refused(&mut client, &format!("LW.AUDIT USER a TIME {}", now + 3_700_000)).contains("time"));
    let ahead = now + 3_590_000;
    let ids =
        [client.audit("USER past TIME 946684800000"), client.audit(&format!("USER ahead TIME {ahead}"))];
    client.audit("USER now");
    let users: Vec<_> = client.audit_log("").into_iter().map(|event| event.user_id.unwrap()).collect();
    assert_eq!(users, ["ahead", "now", "past"], "events are sorted by their own time");
    assert!(ids[0].starts_with("946684800000-") && ids[1].starts_with(&format!("{ahead}-")));
    assert_eq!(client.audit_log(&format!("BEFORE {}", ids[1])).len(), 2);
}

#[test]
fn a_time_further_back_than_the_directive_allows_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.run("TIME").texts()[0].parse::<i64>().unwrap() * 1000;
    let ago = |days: i64| now - days * 86_400_000;
    client.audit(&format!("USER a TIME {}", ago(30) + 60_000));
    let why = refused(&mut client, &format!("LW.AUDIT USER a TIME {}", ago(30) - 60_000));
    assert!(why.contains("is more than 30 days ago, the most that audit-max-age-days allows"), "{why}");
    client.set("audit-max-age-days", "1");
    client.audit(&format!("USER a TIME {}", ago(1) + 60_000));
    assert!(refused(&mut client, &format!("LW.AUDIT USER a TIME {}", ago(2))).contains("1 days ago"));
    client.set("audit-max-age-days", "36500");
    client.audit("USER a TIME 946684800000");
    assert!(refused(&mut client, "LW.AUDIT USER a TIME 946684799999").contains("before the year 2000"));
}

#[test]
fn a_time_in_seconds_is_refused() {
    let server = Server::builder().any_age().start();
    let mut client = server.client();
    for call in ["LW.AUDIT USER a TIME", "LW.AUDITLOG QUERY FROM", "LW.AUDITLOG QUERY TO"] {
        let why = refused(&mut client, &format!("{call} 1700000000"));
        assert!(why.contains("1700000000' looks like seconds: give Unix milliseconds"), "{why}");
        let why = refused(&mut client, &format!("{call} 1700000000000000"));
        assert!(why.contains("is not a time in Unix milliseconds"), "{why}");
    }
}

#[test]
fn hostile_texts_are_escaped_and_truncated_with_an_ellipsis() {
    let server = Server::start();
    let mut client = server.client();
    let long = [b"/".as_slice(), &vec![b'x'; 1 << 20]].concat();
    client.audit_bytes(&[b"ENDPOINT", &long, b"USER", &vec![0xff; 1 << 20]]);
    client.audit_bytes(&[b"ENDPOINT", b"/a\0b\r\n%00\\x\xc3\x28", b"USER", "ключ".as_bytes()]);
    let events = client.audit_log("");
    assert_eq!(events[0].endpoint.as_deref(), Some(r"/a\x00b\x0d\x0a%00\x5cx\xc3("));
    assert_eq!(events[0].user_id.as_deref(), Some("ключ"));
    let endpoint = events[1].endpoint.clone().unwrap();
    assert_eq!((endpoint.chars().count(), endpoint.ends_with("xx…")), (1025, true));
    let user = events[1].user_id.clone().unwrap();
    assert_eq!(user, format!("{}…", r"\xff".repeat(64)));
}

#[test]
fn data_that_postgres_cannot_store_is_escaped_or_truncated() {
    let server = Server::start();
    let mut client = server.client();
    let mut data = |json: &str| {
        client.audit_bytes(&[b"DATA", json.as_bytes()]);
        client.audit_log("COUNT 1").remove(0).data.unwrap()
    };
    assert_eq!(data(r#" {"a":"x\u0000y"} "#), r#"{"a":"x\\x00y"}"#);
    assert_eq!(data(r#""\ud800""#), r#""\\xed\\xa0\\x80""#);
    assert_eq!(data("[1e400,1e99999]"), r#"[1e400,"1e99999"]"#);
    let long = format!("[\"{}\"]", "y".repeat(70_000));
    let cut = data(&long);
    let text: String = serde_json::from_str(&cut).unwrap();
    assert!(text.starts_with("[\"yyy") && text.ends_with("y…") && cut.len() < 16_384, "{}", cut.len());
}

#[test]
fn the_error_for_a_malformed_query_names_the_argument() {
    let server = Server::start();
    let mut client = server.client();
    for (line, expected) in [
        ("LW.AUDITLOG QUERY COUNT 0", "count '0' is not an integer from 1 to 10000"),
        ("LW.AUDITLOG QUERY COUNT 10001", "is not an integer from 1 to 10000"),
        ("LW.AUDITLOG QUERY BEFORE 1-1-1", "before '1-1-1' is not an event's id"),
        ("LW.AUDITLOG QUERY IP 10.0.0.0/33", "neither an address nor a network"),
        ("LW.AUDITLOG QUERY FROM -1", "from '-1' is not a time in Unix milliseconds"),
        ("LW.AUDITLOG QUERY TO 99999999999999999999", "to '99999999999999999999' is not a time"),
        ("LW.AUDITLOG QUERY KIND a/b", "kind 'a/b'"),
        ("LW.AUDITLOG QUERY KIND a/b*", "kind 'a/b*' is not 1 to 64 letters"),
        ("LW.AUDITLOG QUERY METHOD G(T", "is not an HTTP token"),
        ("LW.AUDITLOG QUERY STATUS 600", "is not an integer from 100 to 599"),
        ("LW.AUDITLOG QUERY USER", "USER has no value"),
        ("LW.AUDITLOG QUERY LIMITED LIMITED", "LIMITED is given twice"),
        ("LW.AUDITLOG QUERY ENDPONT /", "did you mean ENDPOINT?"),
        ("LW.AUDITLOG DEAD COUNT x", "count 'x'"),
        ("LW.AUDITLOG REPLAY one", "'one' is neither ALL nor an id"),
        ("LW.AUDITLOG DISCARD 1", "'1' is neither ALL nor an id"),
    ] {
        let message = refused(&mut client, line);
        assert!(message.starts_with("ERR ") && message.contains(expected), "{line}: {message}");
    }
    assert!(refused(&mut client, "LW.AUDITLOG FIND").contains("unknown subcommand"));
    for line in ["REPLAY ALL", "DISCARD ALL", "REPLAY 1-0000000000000001-1"] {
        assert_eq!(client.run(&format!("LW.AUDITLOG {line}")), Value::Int(0));
    }
}

#[test]
fn records_are_maps_over_resp3() {
    let server = Server::start();
    let mut client = server.client();
    client.audit("USER a");
    client.run("HELLO 3");
    let records = client.run("LW.AUDITLOG QUERY");
    assert!(matches!(&records.items()[0], Value::Map(fields) if fields.len() == 12), "{records:?}");
}

#[test]
fn random_calls_are_answered_without_an_internal_error() {
    let server = Server::start();
    let mut client = server.client();
    let mut random = Random::new();
    let huge = vec![b'9'; 100_000];
    let words: [&[u8]; 36] = [
        b"QUERY",
        b"DEAD",
        b"REPLAY",
        b"DISCARD",
        b"HELP",
        b"KIND",
        b"USER",
        b"IP",
        b"METHOD",
        b"ENDPOINT",
        b"STATUS",
        b"LIMITED",
        b"ANOMALY",
        b"LATENCY",
        b"TIME",
        b"DATA",
        b"FROM",
        b"TO",
        b"COUNT",
        b"BEFORE",
        b"ALL",
        b"",
        b"\0",
        b"\xff\xfe",
        b"-1",
        b"0",
        b"1",
        b"1e400",
        b"18446744073709551616",
        b"10.0.0.0/8",
        b"::1",
        b"1790000000000-0000000000000001-1",
        b"{\"a\":[\"\\u0000\",1e99999]}",
        b"%_\\",
        b"1790000000000",
        &huge,
    ];
    for _ in 0..20_000 {
        let command = *random.pick(&[&b"LW.AUDIT"[..], b"LW.AUDITLOG", b"LW.AUDITLOG", b"LW._AUDIT"]);
        let mut call = vec![command];
        (0..random.below(7)).for_each(|_| call.push(*random.pick(&words)));
        if let Value::Error(message) = &client.call(&call) {
            assert!(!message.contains("internal error"), "{call:?}: {message}");
        }
    }
    assert_eq!(client.run("PING").text(), "PONG");
    wait_until("no client is blocked", || client.info("clients").number("blocked_clients") == 0);
}
