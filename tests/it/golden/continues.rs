//! What a server does that has loaded a golden set: it goes on where the server that made it was.

use crate::support::tokens::refresh_token;
use crate::support::{Client, Value, wait_until};

/// Asserts it for the last act of the scene. `client` stands at the end of the scene.
#[track_caller]
pub fn assert_continues(client: &mut Client, clock: i64) {
    client.run("HELLO 2");
    limits(client);
    leases(client);
    sessions(client);
    guards(client);
    alerts(client, clock);
    audit(client);
}

fn limits(client: &mut Client) {
    assert_eq!(client.ratelimit("b:two 9 60d").remaining, 4);
    assert_eq!(client.ratelimit("b:refunded 9 60d").remaining, 4);
    assert_eq!(client.ratelimit("b:settled 9 60d").remaining, 2);
    assert!(client.ratelimit("b:forced 3 60d").limited);
    assert!(client.ratelimit("b:plan:{blocked} @b.api").limited);
    assert!(!client.ratelimit("b:tried @b.tried").limited, "the policy is a shadow");
    assert_eq!(client.ratelimit("b:plan:{paid:7} @b.api COST 40").remaining, 10);
    let burst = client.burst("b:burst 2 60d COOLDOWN 60d");
    assert_eq!((burst.burst, burst.count, burst.alerted), (true, 4, false));
    assert_eq!(client.run("CL.THROTTLE b:cell 9 1 86400 0").ints()[..3], [0, 10, 8]);
}

fn leases(client: &mut Client) {
    let held = client.acquire("b:lease 3 60d ID one");
    assert_eq!((held.acquired, held.in_use), (2, 2));
    let next = client.acquire("b:lease 3 60d");
    assert_eq!((next.acquired, next.in_use), (1, 3));
    assert!(next.fence > held.fence, "{next:?} after {held:?}");
    assert_eq!(client.acquire("b:lease 3 60d").acquired, 0);
    assert_eq!((client.renew("b:jobs renewed 60d"), client.renew("b:jobs ended 60d")), (1, 0));
}

fn sessions(client: &mut Client) {
    let sessions = client.run("LW.SESSIONS b:auth alice");
    let session = sessions.items().first().expect("a session");
    let id = session.field("session_id").text();
    let token = |generation| refresh_token(&id, generation, session.field("expires_at_ms").int());
    let generation = session.field("generation").int() as u32;
    let tokens = client.rotate("b:auth", &token(generation));
    let claims = tokens.claims();
    assert_eq!((&claims["sub"], &claims["role"]), (&"alice".into(), &"user".into()));
    assert_eq!(claims["aud"], serde_json::json!(["one", "two"]));
    assert_eq!(client.rotate_refused("b:auth", &token(1)), "LWREUSED");
    assert_eq!(client.rotate_refused("b:auth", &tokens.refresh), "LWREVOKED");
}

fn guards(client: &mut Client) {
    for (whom, verdict, rule) in [
        ("IP 192.0.2.1 USER any", 2, "operator"),
        ("IP 192.0.2.7 USER any", 0, ""),
        ("IP 203.0.113.7 USER any", 2, "brute"),
        ("IP 203.0.113.8 USER alice", 1, "guess"),
        ("IP 203.0.113.12 USER phished", 2, "otp"),
        ("USER mallory", 2, "operator"),
    ] {
        let answer = client.run(&format!("LW.CHECK login:b {whom}"));
        let [said, _, by, ..] = answer.items() else { panic!("{answer:?}") };
        let by = if *by == Value::Nil { String::new() } else { by.text() };
        assert_eq!((said.int(), by.as_str()), (verdict, rule), "{whom}");
    }
    // Of an event at its network or with its device the user is known.
    let known = client.run("LW.WHY login:b USER known");
    assert_eq!((known.field("known_networks").int(), known.field("known_devices").int()), (2, 2));
}

fn alerts(client: &mut Client, clock: i64) {
    assert_eq!(client.run("LW.ALERT b.disk {} DEDUP /var COOLDOWN 20d"), Value::Nil);
    let highest = client.waiting().iter().map(|alert| number(&alert.id)).max().expect("alerts wait");
    assert!(number(&client.alert("b.new", "1")) > highest);
    // The summary of the calls that came last is due.
    client.stop_clock(clock + 11_000);
    wait_until("the summary is queued", || {
        client.waiting().iter().any(|alert| alert.kind == "b.storm.summary")
    });
}

fn audit(client: &mut Client) {
    assert!(client.run("LW.AUDIT USER refused").error().starts_with("LWFULL"));
    let highest = client.audit_log("LOCAL COUNT 1000").iter().map(|event| number(&event.id)).max();
    client.set("audit-max-events", "1000");
    assert!(Some(number(&client.audit("USER later"))) > highest);
    wait_until("the gap is recorded", || client.audit_log("LOCAL KIND gap").len() == 1);
    assert_eq!(client.audit_info("gap"), 0);
    assert_eq!(client.run("LW.AUDITLOG REPLAY ALL").int(), 2);
}

/// The number at the end of an id.
fn number(id: &str) -> u64 {
    id.rsplit('-').next().and_then(|number| number.parse().ok()).expect("an id")
}
