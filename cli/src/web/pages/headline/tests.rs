//! The headline.

use super::*;

const NOW: i64 = 1_796_000_000_000;

fn alert(event: &str, age_ms: i64, data: &str) -> Alert {
    Alert {
        node: "a:1".into(),
        id: "1-2-3".into(),
        event: event.into(),
        timestamp_ms: NOW - age_ms,
        waiting: false,
        dead: 0,
        body: format!("{{\"data\":{data}}}"),
    }
}

fn ban(subject: &str, age_ms: i64) -> Ban {
    Ban {
        guard: b"login".to_vec(),
        subject: subject.into(),
        hash: None,
        source: "rule".into(),
        rule: Some("stuffing".into()),
        verdict: "deny".into(),
        from_ms: NOW - age_ms,
        until_ms: NOW + MINUTE,
        strikes: 0,
        count: 10,
        window_ms: 600_000,
        reason: None,
        by: None,
        acl_user: None,
    }
}

fn fault(level: Level, text: &str) -> Remark {
    Remark {
        level,
        tag: "audit",
        text: text.into(),
        link: "/".into(),
        name: "is away a:1".into(),
        since_ms: None,
    }
}

#[test]
fn the_headline_says_what_matters_most() {
    let busy = [Step::made_of(5.0, &[(Counter::Calls, 6000), (Counter::Denied, 24)])];
    let burst = r#"{"key":"k","request_count_in_window":3,"window_seconds":10,"threshold":3}"#;
    let bans =
        [ban("203.0.113.9", 9), ban("203.0.113.7", 9), ban("198.51.100.1", 9), ban("192.0.2.1", RECENT + 1)];
    let bad = || vec![fault(Level::Bad, "a:1 is away")];
    for (steps, alerts, bans, wrong, class, text) in [
        (&busy[..], vec![], &[][..], vec![], "well", "All is well: 1,200 calls/s, 0.4 % denied"),
        (&[], vec![], &[], vec![], "well", "All is well so far: rates show in a few seconds"),
        (
            &busy,
            vec![alert("burst", RECENT + 1, burst)],
            &[],
            vec![],
            "well",
            "All is well: 1,200 calls/s, 0.4 % denied",
        ),
        (
            &busy,
            vec![alert("burst", 1, burst)],
            &[],
            vec![],
            "warning",
            "Burst: k made 3 calls in 10 s; 3 are a burst",
        ),
        (
            &busy,
            vec![],
            &bans,
            vec![],
            "attack",
            "Attack on login: 3 addresses of 2 networks banned in the last 5 min",
        ),
        (&busy, vec![], &[], bad(), "broken", "A:1 is away"),
        (
            &busy,
            vec![],
            &bans[..1],
            bad(),
            "attack",
            "Attack on login: 1 address banned in the last 5 min; a server is away",
        ),
        (
            &busy,
            vec![alert("guard.attack", 1, r#"{"key":"login"}"#)],
            &[],
            vec![],
            "attack",
            "Attack on login: many more failures than usual",
        ),
        (&busy, vec![], &[], [bad(), bad()].concat(), "broken", "A:1 is away, and one more thing is wrong"),
    ] {
        let headline = of(steps, &alerts, bans, wrong, NOW);
        assert_eq!((headline.class, headline.text.as_str()), (class, text));
    }
}

#[test]
fn the_announced_state_has_no_numbers_that_change() {
    let state = |bans: &[Ban]| of(&[], &[], bans, vec![], NOW).state;
    assert_eq!(state(&[ban("203.0.113.9", 9)]), state(&[ban("203.0.113.9", 9), ban("203.0.113.7", 1)]));
}
