//! Alerts in words.

use super::*;

fn alert(event: &str, data: &str) -> Alert {
    Alert {
        node: "a:1".into(),
        id: "1-2-3".into(),
        event: event.into(),
        timestamp_ms: 0,
        waiting: false,
        dead: 0,
        body: format!("{{\"data\":{data}}}"),
    }
}

#[test]
fn alerts_are_sentences_with_links() {
    for (event, data, text, to) in [
        (
            "burst",
            r#"{"key":"login:1","ip":"198.51.100.7","request_count_in_window":31,"window_seconds":10,
                "threshold":30,"endpoint":"/login","method":"POST","ongoing":true}"#,
            "198.51.100.7 made 31 calls of POST /login in 10 s; 30 are a burst, and it goes on",
            Some("/key?key=login:1"),
        ),
        (
            "guard.ban",
            r#"{"key":"login","subject":"203.0.113.9","ip":"203.0.113.9","user":"u 1","rule":"stuffing",
                "count":10,"window_ms":600000,"until_ms":1}"#,
            "203.0.113.9 is banned from login by the rule stuffing",
            Some("/why?guard=login&ip=203.0.113.9&user=u%201"),
        ),
        (
            "guard.ban",
            r#"{"key":"login","subject":"user 0123456789abcdef at 203.0.113.9","ip":"203.0.113.9",
                "user":"alice","rule":"stuffing","count":10,"window_ms":600000,"until_ms":1}"#,
            "user alice at 203.0.113.9 is banned from login by the rule stuffing",
            Some("/why?guard=login&ip=203.0.113.9&user=alice"),
        ),
        (
            "guard.lift",
            r#"{"key":"login","subject":"all","ended":2,"by":"dora","acl_user":"default"}"#,
            "dora lifted 2 bans and challenges of all in login",
            Some("/bans?guard=login"),
        ),
        (
            "disk.full.summary",
            r#"{"type":"disk.full","count":4,"from_ms":1000,"to_ms":9000}"#,
            "4 more alerts of the type disk.full within 8 s",
            None,
        ),
        ("payment.failed", r#"{"order":17,"by":"x"}"#, "by: x, order: 17", None),
    ] {
        let told = told(&alert(event, data));
        assert_eq!((told.text.as_str(), told.link.as_deref()), (text, to));
    }
}

#[test]
fn hostile_data_is_cut_and_made_visible() {
    let long = "x".repeat(9000);
    let told_long = told(&alert("mine", &format!("{{\"text\":\"\\u202e{long}\"}}"))).text;
    assert!(told_long.starts_with("\\u{202e}x") && told_long.chars().count() == LONGEST + 1);
    for data in ["null", "[]", "7", "{}", "{\"key\":7}"] {
        for event in ["burst", "guard.ban", "guard.lift", "token.reuse", "audit.lag", "a.summary", "mine"] {
            assert!(!told(&alert(event, data)).text.is_empty());
        }
    }
    assert_eq!(told(&alert("mine", "broken")).text, "No data");
}
