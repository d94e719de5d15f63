//! Calls by a policy are decided as calls with the same pairs are.

use super::super::support::Server;
use super::ok;

#[test]
fn a_call_by_policy_is_answered_as_one_with_the_same_pairs() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET login 3 1h 5 2h");
    for n in 1..8 {
        let cost = n % 3;
        for call in ["LW.PEEK", "LW.RATELIMIT"] {
            let option = if cost > 0 { format!(" COST {cost}") } else { String::new() };
            let [by_policy, by_pairs] =
                ["p @login", "q 3 1h 5 2h"].map(|args| client.run(&format!("{call} {args}{option}")).ints());
            assert_eq!(by_policy[..3], by_pairs[..3], "{call}{option}");
            for i in [3, 4] {
                assert!((by_policy[i] - by_pairs[i]).abs() < 1000, "{by_policy:?} {by_pairs:?}");
            }
        }
    }
    assert_eq!(client.peek("p @login COST 0").remaining, 0);
    assert!(client.peek("p @login COST 1").limited);
    assert!(client.ratelimit("p @login").limited);
}

#[test]
fn a_call_by_policy_works_in_a_transaction_and_in_a_script() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client
        .multi(&["LW.POLICY SET p 2 1h", "LW.RATELIMIT k @p", "LW.RATELIMIT k @p", "LW.RATELIMIT k @p"])
        .unwrap();
    assert_eq!(answers[0].text(), "OK");
    assert_eq!(answers[1..].iter().map(|answer| answer.ints()[0]).collect::<Vec<_>>(), [0, 0, 1]);
    let script =
        "redis.call('LW.POLICY', 'SET', 'p', 3, '1h') return redis.call('LW.RATELIMIT', KEYS[1], '@p')";
    assert_eq!(client.call(&["EVAL", script, "1", "k"]).ints()[..3], [0, 3, 0]);
    let script = "return redis.pcall('LW.RATELIMIT', KEYS[1], '@q').err";
    assert!(client.call(&["EVAL", script, "1", "k"]).text().starts_with("LWNOPOLICY "));
}

#[test]
fn one_customer_is_blocked_by_an_override_with_limit_zero() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET api 100 1m");
    client.ratelimit("{acme}:api @api");
    ok(&mut client, "LW.POLICY SET api 0 1s FOR acme");
    let blocked = client.ratelimit("{acme}:api @api");
    assert_eq!((blocked.limited, blocked.limit, blocked.retry_after), (true, 0, -1));
    assert!(!client.ratelimit("{other}:api @api").limited);
    assert_eq!(client.run("LW.POLICY DEL api FOR acme").int(), 1);
    assert_eq!(client.ratelimit("{acme}:api @api").remaining, 98);
}

#[test]
fn a_policy_in_shadow_denies_nothing_and_counts_what_it_would_have_denied() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET api 2 1h SHADOW");
    client.ratelimit("k @api COST 2");
    let (dump, before) = (client.run("DUMP k"), client.footprint());
    for _ in 0..3 {
        for call in ["LW.RATELIMIT k @api", "LW.PEEK k @api"] {
            let reply = client.run(call).ints();
            assert_eq!(reply[..4], [0, 2, 0, 0], "{call}");
        }
    }
    assert_eq!((client.run("DUMP k"), client.footprint()), (dump, before));
    assert_eq!(client.info("lockwatch").text("lockwatch_policy_api"), "calls=4,denied=0,shadow_denied=3");
    assert_eq!(client.info("lockwatch").number("lockwatch_ratelimit_denied_total"), 0);
    ok(&mut client, "LW.POLICY SET api 2 1h");
    assert!(client.ratelimit("k @api").limited);
    // An override has a shadow of its own.
    ok(&mut client, "LW.POLICY SET api 1 1h SHADOW FOR k");
    assert!(!client.ratelimit("k @api").limited);
}

#[test]
fn a_denied_call_writes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET p 1 1h");
    client.ratelimit("k @p");
    let before = client.footprint();
    for call in ["LW.RATELIMIT k @p", "LW.PEEK k @p", "LW.PEEK new @p", "LW.RATELIMIT new @p COST 2"] {
        assert!(!client.run(call).is_error());
    }
    for line in ["SET p 1 1h", "DEL q", "DEL p FOR x", "GET p", "LIST", "WHICH p k"] {
        assert!(!client.run(&format!("LW.POLICY {line}")).is_error(), "{line}");
    }
    assert_eq!(client.footprint(), before);
}

#[test]
fn above_maxmemory_policies_can_be_set_and_calls_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    client.run("CONFIG SET maxmemory 1");
    assert!(client.run("LW.RATELIMIT k 1 1s").error().starts_with("OOM "));
    ok(&mut client, "LW.POLICY SET p 0 1s");
    assert!(client.run("LW.RATELIMIT k @p").error().starts_with("OOM "));
    assert!(client.peek("k @p").limited);
    assert_eq!(client.run("LW.POLICY DEL p").int(), 1);
}

#[test]
fn only_an_administrator_may_change_policies() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET p 1 1h");
    client.run("ACL SETUSER app reset on nopass ~* +lw.ratelimit +lw.peek");
    client.run("AUTH app any");
    assert!(!client.ratelimit("k @p").limited);
    for line in ["SET p 2 1h", "GET p", "WHICH p k", "DEL p", "LIST", "HELP"] {
        assert!(client.run(&format!("LW.POLICY {line}")).error().starts_with("NOPERM"), "{line}");
    }
    let info = server.client().run("COMMAND INFO LW.POLICY|SET").items()[0].clone();
    let flags = info.items()[2].texts();
    assert!(["write", "admin"].iter().all(|flag| flags.contains(&(*flag).to_owned())), "{flags:?}");
    if server.is_at_least((7, 2), (7, 2)) {
        let categories = info.items()[6].texts();
        assert!(["@admin", "@dangerous"].iter().all(|name| categories.contains(&(*name).to_owned())));
    }
}

#[test]
fn force_and_withtime_work_by_policy() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET p 2 1h");
    ok(&mut client, "LW.POLICY SET s 2 1h SHADOW");
    let mut run = |line: &str| client.run(line).ints();
    for policy in ["p", "s"] {
        let admitted = run(&format!("LW.RATELIMIT {policy} @{policy} WITHTIME COST 2"));
        assert_eq!(admitted[..4], [0, 2, 0, 0]);
        assert!(admitted[5] > 1_600_000_000_000);
        let limited = i64::from(policy == "p");
        let denied = run(&format!("LW.RATELIMIT {policy} @{policy} WITHTIME"));
        assert_eq!((denied[0], denied[5]), (limited, 0));
        let forced = run(&format!("LW.RATELIMIT {policy} @{policy} COST 3 FORCE WITHTIME"));
        assert_eq!((forced[0], forced[2]), (limited, 0));
        assert!(forced[5] >= admitted[5]);
        let held = run(&format!("LW.PEEK {policy} 100 1h COST 0"));
        assert_eq!(held[2], 95);
    }
    let info = client.info("lockwatch");
    assert_eq!(info.number("lockwatch_ratelimit_forced_total"), 2);
    assert_eq!(info.text("lockwatch_policy_p"), "calls=3,denied=1,shadow_denied=0");
    assert_eq!(info.text("lockwatch_policy_s"), "calls=3,denied=0,shadow_denied=1");
}

#[test]
fn lw_top_names_the_policy_that_denied_a_key() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET p 0 1h");
    ok(&mut client, "LW.POLICY SET s 0 1h SHADOW");
    client.run("LW.RATELIMIT k @p");
    client.run("LW.RATELIMIT shadowed @s");
    client.run("LW.RATELIMIT forced @p FORCE");
    let top = client.run("LW.TOP");
    let [denied] = top.items() else { panic!("{top:?}") };
    assert_eq!((denied.field("key").text(), denied.field("policy").text()), ("k".into(), "p".into()));
}

#[test]
fn limits_on_several_keys_take_policies() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET user 3 1h 4 2h");
    ok(&mut client, "LW.POLICY SET user 1 1h FOR guest");
    let call = "LW.MRATELIMIT {t}:u @user - 1 {t}:all 2 1h 1";
    assert_eq!(client.run(call).ints()[..2], [0, 1]);
    assert_eq!(client.run("LW.MPEEK {t}:u @user - 1").ints()[4..6], [3, 1]);
    assert_eq!(client.run(call).ints()[..2], [0, 1]);
    let denied = client.run(call).ints();
    assert_eq!((denied[0], denied[1], denied[3]), (1, 1, 0), "the second limit denies it");
    // The override of a subject, and a policy beside pairs of the same key.
    assert_eq!(client.run("LW.MRATELIMIT guest @user - 1 guest 5 3h 1").ints()[0], 0);
    let denied = client.run("LW.MRATELIMIT guest @user - 1 guest 5 3h 1").ints();
    assert_eq!((denied[0], denied[1], denied[4]), (1, 0, 1));
    let counts = client.info("lockwatch").text("lockwatch_policy_user").to_owned();
    assert_eq!(counts, "calls=5,denied=1,shadow_denied=0");
    for (call, part) in [
        ("LW.MRATELIMIT k @nobody - 1", "LWNOPOLICY"),
        ("LW.MRATELIMIT k @user 1h 1", "of a policy is not -"),
        ("LW.MRATELIMIT k @ - 1", "LWNOPOLICY"),
        ("LW.MPEEK k 5 - 1", "ERR"),
    ] {
        let error = format!("{:?}", client.run(call));
        assert!(error.contains(part), "{call}: {error}");
    }
    assert_eq!(client.run("EXISTS k").int(), 0);
}

#[test]
fn a_policy_in_shadow_denies_no_call_on_several_keys() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET quiet 1 1h SHADOW");
    let call = "LW.MRATELIMIT {t}:a @quiet - 1 {t}:b 3 1h 1";
    assert_eq!(client.run(call).ints()[0], 0);
    let admitted = client.run(call).ints();
    assert_eq!((admitted[0], admitted[2]), (0, 0));
    assert!(admitted[3] > 0, "the enforced key records the call");
    // The key whose only limit would have denied the call records nothing.
    assert_eq!(client.peek("{t}:a 10 1h COST 0").remaining, 9);
    assert_eq!(client.peek("{t}:b 10 1h COST 0").remaining, 8);
    // A key that has an enforced limit too records it.
    assert_eq!(client.run("LW.MRATELIMIT {t}:a @quiet - 1 {t}:a 5 1h 1").ints()[0], 0);
    assert_eq!(client.peek("{t}:a 10 1h COST 0").remaining, 8);
    client.run(call);
    let denied = client.run(call).ints();
    assert_eq!((denied[0], denied[1]), (1, 1), "a policy in shadow does not bind a denied call");
    let counts = client.info("lockwatch").text("lockwatch_policy_quiet").to_owned();
    assert_eq!(counts, "calls=5,denied=0,shadow_denied=4");
}

#[test]
fn lw_top_has_the_key_and_the_policy_that_denied_a_call_on_several_keys_longest() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET slow 1 1h");
    let call = "LW.MRATELIMIT {t}:short 1 1m 1 {t}:long @slow - 1 {t}:free 9 1m 1";
    client.run(call);
    assert_eq!(client.run(call).ints()[..2], [1, 1]);
    let top = client.run("LW.TOP");
    let [record] = top.items() else { panic!("{top:?}") };
    assert_eq!(
        (record.field("key").text(), record.field("policy").text()),
        ("{t}:long".into(), "slow".into())
    );
    // A denial in SHADOW is none.
    ok(&mut client, "LW.POLICY SET slow 1 1h SHADOW");
    client.run("LW.MRATELIMIT {t}:long @slow - 1");
    assert_eq!(client.run("LW.TOP").items().len(), 1);
}
