//! The subcommands of LW.POLICY.

use super::super::support::{Server, Value};
use super::{digest, fill, ok};

/// `limits` of a reply as pairs.
#[track_caller]
fn limits(reply: &Value) -> Vec<(i64, i64)> {
    let pairs = reply.field("limits").items().iter().map(Value::ints);
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

#[test]
fn get_shows_what_set_has_set() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    for hello in ["HELLO 2", "HELLO 3"] {
        client.run(hello);
        let login = client.run("LW.POLICY GET login");
        assert_eq!(matches!(login, Value::Map(_)), hello == "HELLO 3");
        assert_eq!(login.field("name").text(), "login");
        assert_eq!(limits(&login), [(5, 60_000), (20, 3_600_000)]);
        assert_eq!(login.field("shadow").int(), 0);
        let [first, second] = login.field("overrides").items() else { panic!("{login:?}") };
        assert_eq!(first.field("subject").text(), "10.1.*");
        assert_eq!((limits(first), first.field("shadow").int()), (vec![(50, 60_000)], 1));
        assert_eq!(second.field("subject").text(), "tenant7");
        assert_eq!((limits(second), second.field("shadow").int()), (vec![(0, 1000)], 0));
        let api = client.run("LW.POLICY GET api");
        assert_eq!(api.field("shadow").int(), 1);
        assert_eq!(api.field("overrides").items()[0].field("subject"), &Value::Bulk(b"\0\xff\r\n".to_vec()));
    }
}

#[test]
fn set_keeps_the_overrides_and_del_deletes_them() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    ok(&mut client, "LW.POLICY SET login 6 1m");
    let overrides = |reply: &Value| reply.field("overrides").items().len();
    assert_eq!(overrides(&client.run("LW.POLICY GET login")), 2);
    assert_eq!(client.run("LW.POLICY DEL login FOR tenant7").int(), 1);
    assert_eq!(client.run("LW.POLICY DEL login FOR tenant7").int(), 0);
    assert_eq!(client.run("LW.POLICY DEL login FOR 10.1.").int(), 0);
    assert_eq!(overrides(&client.run("LW.POLICY GET login")), 1);
    assert_eq!(client.run("LW.POLICY DEL login").int(), 1);
    assert_eq!(client.run("LW.POLICY DEL login").int(), 0);
    ok(&mut client, "LW.POLICY SET login 5 1m");
    assert_eq!(overrides(&client.run("LW.POLICY GET login")), 0);
    let info = client.info("lockwatch_policy");
    assert_eq!((info.number("lockwatch_policies"), info.number("lockwatch_policies_overrides")), (2, 1));
}

#[test]
fn which_tells_what_applies_to_a_key_and_why() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    ok(&mut client, "LW.POLICY SET login 9 1m FOR 10.1.2.*");
    for (key, limit, pattern, subject) in [
        ("lw:{tenant7}:login", 0, Some("tenant7"), "tenant7"),
        ("tenant7", 0, Some("tenant7"), "tenant7"),
        ("tenant77", 5, None, "tenant77"),
        ("lw:{10.1.2.3}", 9, Some("10.1.2.*"), "10.1.2.3"),
        ("lw:{10.1.3.3}", 50, Some("10.1.*"), "10.1.3.3"),
        ("lw:10.1.3.3", 5, None, "lw:10.1.3.3"),
        ("10.1.{}", 50, Some("10.1.*"), "10.1.{}"),
    ] {
        let which = client.run(&format!("LW.POLICY WHICH login {key}"));
        assert_eq!(limits(&which)[0].0, limit, "{key}");
        assert_eq!(which.field("subject").text(), subject);
        match pattern {
            Some(pattern) => assert_eq!(which.field("override").text(), pattern),
            None => assert_eq!(which.field("override"), &Value::Nil, "{key}"),
        }
        assert_eq!(client.run(&format!("LW.PEEK {key} @login COST 0")).ints()[1], limit, "{key}");
    }
}

#[test]
fn list_has_all_policies_with_their_counts() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    ok(&mut client, "LW.POLICY SET strict 1 1h");
    for _ in 0..3 {
        client.run("LW.RATELIMIT a @strict");
        client.run("LW.PEEK a @strict");
        client.run("LW.RATELIMIT b @api COST 60");
    }
    let list = client.run("LW.POLICY LIST");
    let listed = list.field("policies").items();
    let numbers = |policy: &Value| {
        ["overrides", "calls", "denied", "shadow_denied"].map(|field| policy.field(field).int())
    };
    let all: Vec<_> = listed
        .iter()
        .map(|policy| (policy.field("name").text(), limits(policy)[0].0, numbers(policy)))
        .collect();
    assert_eq!(
        all,
        [
            ("api".to_owned(), 100, [1, 3, 0, 2]),
            ("login".to_owned(), 5, [2, 0, 0, 0]),
            ("strict".to_owned(), 1, [0, 3, 2, 0]),
        ]
    );
    let info = client.info("lockwatch");
    assert_eq!(info.text("lockwatch_policy_strict"), "calls=3,denied=2,shadow_denied=0");
    assert_eq!(info.text("lockwatch_policy_api"), "calls=3,denied=0,shadow_denied=2");
    assert_eq!(info.number("lockwatch_ratelimit_calls_total"), 6);
    assert_eq!(info.number("lockwatch_ratelimit_denied_total"), 2);
    assert_eq!(info.number("lockwatch_ratelimit_peeks_total"), 3);
}

#[test]
fn info_shows_the_busiest_hundred_policies() {
    let server = Server::start();
    let mut client = server.client();
    for n in 0..150 {
        ok(&mut client, &format!("LW.POLICY SET p{n} 100 1h"));
    }
    client.run("LW.RATELIMIT k @p149");
    let fields = client.info("lockwatch_policy").fields;
    let shown = fields.keys().filter(|name| name.starts_with("lockwatch_policy_")).count();
    assert_eq!(shown, 100);
    assert_eq!(fields["lockwatch_policy_p149"], "calls=1,denied=0,shadow_denied=0");
    assert_eq!(client.run("LW.POLICY LIST").field("policies").items().len(), 150);
}

#[test]
fn the_digest_depends_on_the_content_alone() {
    let (one, other) = (Server::start(), Server::start());
    let (mut one, mut other) = (one.client(), other.client());
    fill(&mut one);
    ok(&mut other, "LW.POLICY SET api 1 1s");
    ok(&mut other, "LW.POLICY SET gone 1 1s");
    ok(&mut other, "LW.POLICY SET api 1 1s FOR gone");
    fill(&mut other);
    assert_ne!(digest(&mut one), digest(&mut other));
    other.run("LW.POLICY DEL gone");
    other.run("LW.POLICY DEL api FOR gone");
    assert_eq!(digest(&mut one), digest(&mut other));
    for line in ["SET login 5 1m 20 2h", "SET login 5 1m 20 1h SHADOW", "SET login 1 1s FOR tenant7"] {
        let before = digest(&mut one);
        ok(&mut one, &format!("LW.POLICY {line}"));
        assert_ne!(digest(&mut one), before, "{line}");
    }
}

#[test]
fn help_lists_the_subcommands() {
    let server = Server::start();
    let help = server.client().run("LW.POLICY HELP").texts();
    for start in
        ["SET name limit window", "GET name", "WHICH name key", "DEL name [FOR subject]", "LIST", "HELP"]
    {
        assert!(help.iter().any(|line| line.starts_with(start)), "{start}: {help:?}");
    }
}
