//! COMMAND DOCS, INFO, GETKEYS and LIST.

use crate::support::{Client, Server, Value};

fn docs(client: &mut Client, command: &str) -> Value {
    client.run(&format!("COMMAND DOCS {command}")).field(command).clone()
}

/// The elements are: name, arity, flags, first key, last key, step, categories, tips, key specs and
/// subcommands.
fn info(client: &mut Client, command: &str) -> Vec<Value> {
    client.run(&format!("COMMAND INFO {command}")).items()[0].items().to_vec()
}

fn sorted(value: &Value) -> Vec<String> {
    let mut texts = value.texts();
    texts.sort_unstable();
    texts
}

#[test]
fn command_docs_describe_the_command_and_its_arguments() {
    let server = Server::start();
    let mut client = server.client();
    for command in ["LW.RATELIMIT", "LW.PEEK"] {
        let docs = docs(&mut client, command);
        assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
        assert!(docs.field("complexity").text().starts_with("O("), "{docs:?}");
        assert_eq!(docs.field("since").text(), "0.2.0");
        assert_eq!(docs.field("group").text(), "module");
        assert_eq!(docs.field("module").text(), "lockwatch");
        let [key, quotas, cost, words @ ..] = docs.field("arguments").items() else { panic!("{docs:?}") };
        let tokens: Vec<_> = words.iter().map(|word| word.field("token").text()).collect();
        let own: &[&str] = if command == "LW.PEEK" { &[] } else { &["FORCE", "WITHTIME"] };
        assert_eq!(tokens, own);

        assert_eq!((key.field("name").text(), key.field("type").text()), ("key".into(), "key".into()));
        assert_eq!(key.field("key_spec_index").int(), 0);

        assert_eq!(
            (quotas.field("name").text(), quotas.field("type").text()),
            ("quotas".into(), "oneof".into())
        );
        let [quota, policy] = quotas.field("arguments").items() else { panic!("{docs:?}") };
        assert_eq!(
            (policy.field("name").text(), policy.field("type").text()),
            ("policy".into(), "string".into())
        );
        assert_eq!(
            (quota.field("name").text(), quota.field("type").text()),
            ("quota".into(), "block".into())
        );
        assert_eq!(quota.field("flags").texts(), ["multiple"]);
        let parts: Vec<_> =
            quota.field("arguments").items().iter().map(|part| part.field("name").text()).collect();
        assert_eq!(parts, ["limit", "window"]);

        assert_eq!((cost.field("name").text(), cost.field("type").text()), ("cost".into(), "integer".into()));
        assert_eq!(cost.field("token").text(), "COST");
        assert_eq!(cost.field("flags").texts(), ["optional"]);
    }
}

#[test]
fn command_docs_list_the_options_of_lw_burst() {
    let server = Server::start();
    let docs = docs(&mut server.client(), "LW.BURST");
    assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
    assert!(docs.field("complexity").text().starts_with("O("), "{docs:?}");
    let arguments = docs.field("arguments").items();
    let field = |name: &str| arguments.iter().map(|arg| arg.field(name).text()).collect::<Vec<_>>();
    let names = ["key", "threshold", "window", "cooldown", "ip", "endpoint", "method", "agent"];
    assert_eq!(field("name"), names);
    assert_eq!(field("type"), [&["key", "integer"][..], &["string"; 6]].concat());
    assert_eq!(arguments[0].field("key_spec_index").int(), 0);
    for (argument, token) in arguments[3..].iter().zip(["COOLDOWN", "IP", "ENDPOINT", "METHOD", "AGENT"]) {
        assert_eq!(argument.field("token").text(), token);
        assert_eq!(argument.field("flags").texts(), ["optional"]);
    }
}

#[test]
fn command_docs_cover_alert_commands_and_subcommands() {
    let server = Server::start();
    let mut client = server.client();
    let alert = docs(&mut client, "LW.ALERT");
    let arguments = alert.field("arguments").items();
    let names: Vec<_> = arguments.iter().map(|arg| arg.field("name").text()).collect();
    assert_eq!(names, ["type", "json", "dedup"]);
    let parts = arguments[2].field("arguments").items();
    assert_eq!(
        parts.iter().map(|part| part.field("token").text()).collect::<Vec<_>>(),
        ["DEDUP", "COOLDOWN"]
    );
    let container = docs(&mut client, "LW.ALERTS");
    for name in ["LIST", "RECENT", "DEAD", "REPLAY", "DISCARD", "TEST", "HELP"] {
        let docs = container.field("subcommands").field(&format!("LW.ALERTS|{name}"));
        assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
        let help = client.run("LW.ALERTS HELP").texts();
        assert!(help.iter().any(|line| line.starts_with(name)), "{help:?}");
    }
    let info = info(&mut client, "LW.ALERTS|REPLAY");
    assert_eq!(sorted(&info[2]), ["admin", "module", "write"]);
}

#[test]
fn command_docs_and_info_cover_the_token_commands() {
    let server = Server::start();
    let mut client = server.client();
    for (command, arity, arguments, flags) in [
        (
            "LW.ISSUE",
            -3,
            &["key", "subject", "claims", "audience", "access-ttl", "refresh-ttl", "meta"][..],
            &["denyoom", "module", "write"][..],
        ),
        (
            "LW.ROTATE",
            -3,
            &["key", "refresh-token", "claims", "meta"],
            &["module", "skip_monitor", "skip_slowlog", "write"],
        ),
        ("LW.CLAIMS", 5, &["key", "what", "claims"], &["module", "write"]),
        (
            "LW.VERIFY",
            -3,
            &["key", "access-token", "audience"],
            &["fast", "module", "readonly", "skip_monitor", "skip_slowlog"],
        ),
        (
            "LW.INTROSPECT",
            3,
            &["key", "token"],
            &["fast", "module", "readonly", "skip_monitor", "skip_slowlog"],
        ),
        ("LW.REVOKE", -4, &["key", "what", "except"], &["module", "skip_monitor", "skip_slowlog", "write"]),
        ("LW.REVOKEALL", 2, &["key"], &["module", "write"]),
        ("LW.SESSIONS", 3, &["key", "subject"], &["module", "readonly"]),
        ("LW.JWKS", 1, &[], &["fast", "module", "readonly"]),
    ] {
        let docs = docs(&mut client, command);
        assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
        assert!(docs.field("complexity").text().starts_with("O("), "{docs:?}");
        let listed_flags = docs
            .field_if_any("arguments")
            .map(|listed_flags| listed_flags.items().to_vec())
            .unwrap_or_default();
        assert_eq!(
            listed_flags.iter().map(|arg| arg.field("name").text()).collect::<Vec<_>>(),
            arguments,
            "{command}"
        );
        let info = info(&mut client, command);
        assert_eq!(info[1].int(), arity, "{command}");
        // Valkey renamed the flag `skip_slowlog` to `skip_commandlog`.
        let mut listed_flags: Vec<_> =
            sorted(&info[2]).iter().map(|flag| flag.replace("commandlog", "slowlog")).collect();
        listed_flags.sort_unstable();
        assert_eq!(listed_flags, flags, "{command}");
    }
}

#[test]
fn command_docs_and_info_cover_lw_top_lw_inspect_and_lw_rules() {
    let server = Server::start();
    let mut client = server.client();
    for (command, arity, arguments, flags) in [
        ("LW.TOP", -1, &["count"][..], &["admin", "module", "readonly"][..]),
        ("LW.INSPECT", 2, &["key"], &["module", "readonly"]),
        ("LW.RULES", -1, &["name"], &["module", "readonly"]),
    ] {
        let docs = docs(&mut client, command);
        assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
        assert!(docs.field("complexity").text().starts_with("O("), "{docs:?}");
        let names: Vec<_> =
            docs.field("arguments").items().iter().map(|arg| arg.field("name").text()).collect();
        assert_eq!(names, arguments, "{command}");
        let info = info(&mut client, command);
        assert_eq!((info[1].int(), sorted(&info[2])), (arity, flags.iter().map(|f| f.to_string()).collect()));
        let key_flags: Vec<_> = info[8].items().iter().map(|spec| sorted(spec.field("flags"))).collect();
        let expected: &[&[&str]] = if arity == 2 { &[&["RO", "access"]] } else { &[] };
        assert_eq!(key_flags, expected, "{command}");
    }
}

#[test]
fn command_docs_and_info_cover_the_commands_of_guards() {
    let server = Server::start();
    let mut client = server.client();
    let subject = ["key", "ip", "user", "free-key"];
    let hidden = ["module", "skip_monitor", "skip_slowlog"];
    let set = ["key", "subject", "duration", "reason", "by"];
    for (command, arity, arguments, flags) in [
        ("LW.ATTEMPT", -3, &["key", "ip", "user", "device", "value", "solved"][..], &["fast", "write"][..]),
        ("LW.EVENT", -3, &["key", "kind", "ip", "user", "free-key", "value", "device"], &["fast", "write"]),
        ("LW.CHECK", -3, &[&subject[..], &["device"]].concat(), &["fast", "readonly"]),
        ("LW.BAN", -6, &set, &["admin", "denyoom", "write"]),
        ("LW.ALLOW", -6, &set, &["admin", "denyoom", "write"]),
        (
            "LW.LIFT",
            -3,
            &[&subject[..], &["hash", "all", "forget", "allowed", "by"]].concat(),
            &["admin", "write"],
        ),
        ("LW.WHY", -3, &[&subject[..], &["hash"]].concat(), &["admin", "readonly"]),
        ("LW.BANS", -2, &["key", "what", "count", "after"], &["admin", "readonly"]),
    ] {
        let docs = docs(&mut client, command);
        assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
        assert!(docs.field("complexity").text().starts_with("O("), "{docs:?}");
        let names: Vec<_> =
            docs.field("arguments").items().iter().map(|arg| arg.field("name").text()).collect();
        assert_eq!(names, arguments, "{command}");
        let info = info(&mut client, command);
        assert_eq!(info[1].int(), arity, "{command}");
        // LW.BANS names no user. Valkey renamed the flag `skip_slowlog` to `skip_commandlog`.
        let hidden = if command == "LW.BANS" { &hidden[..1] } else { &hidden };
        let mut expected = [flags, hidden].concat();
        expected.sort_unstable();
        let mut listed: Vec<_> =
            sorted(&info[2]).iter().map(|flag| flag.replace("commandlog", "slowlog")).collect();
        listed.sort_unstable();
        assert_eq!(listed, expected, "{command}");
        let [spec] = info[8].items() else { panic!("{command} does not have one key spec: {info:?}") };
        let access =
            if flags.contains(&"write") { &["RW", "access", "update"][..] } else { &["RO", "access"] };
        assert_eq!(sorted(spec.field("flags")), access, "{command}");
        let call = format!("COMMAND GETKEYS {command} login IP 203.0.113.7 FOR 1h");
        assert_eq!(client.run(&call).texts(), ["login"], "{command}");
    }
}

#[test]
fn command_info_reports_arity_flags_and_key_position() {
    let server = Server::start();
    let mut client = server.client();
    for (command, flags, key_flags) in [
        ("LW.RATELIMIT", &["denyoom", "fast", "module", "write"][..], &["RW", "access", "update"][..]),
        ("LW.PEEK", &["fast", "module", "readonly"], &["RO", "access"]),
        ("LW.BURST", &["denyoom", "fast", "module", "write"], &["RW", "access", "update"]),
        ("LW.REFUND", &["fast", "module", "write"], &["RW", "access", "update"]),
        ("LW.SETTLE", &["fast", "module", "write"], &["RW", "access", "update"]),
    ] {
        let info = info(&mut client, command);
        let arity = match command {
            "LW.REFUND" => 5,
            "LW.SETTLE" => 6,
            "LW.BURST" => -4,
            _ => -3,
        };
        assert_eq!(info[1].int(), arity, "{command}");
        assert_eq!(sorted(&info[2]), flags, "{command}");
        assert_eq!(info[3..6].iter().map(Value::int).collect::<Vec<_>>(), [1, 1, 1], "{command}");
        let [spec] = info[8].items() else {
            panic!("{command} does not have exactly one key spec: {info:?}")
        };
        assert_eq!(sorted(spec.field("flags")), key_flags, "{command}");
        assert_eq!(spec.field("begin_search").field("spec").field("index").int(), 1);
        assert_eq!(spec.field("find_keys").field("spec").field("lastkey").int(), 0);
    }
}

#[test]
fn command_getkeys_finds_the_key() {
    let server = Server::start();
    let mut client = server.client();
    for (command, flags) in
        [("LW.RATELIMIT", &["RW", "access", "update"][..]), ("LW.PEEK", &["RO", "access"])]
    {
        for args in ["@policy", "10 60", "10 1s 100 1m 1000 1h COST 2"] {
            assert_eq!(client.run(&format!("COMMAND GETKEYS {command} user:42 {args}")).texts(), ["user:42"]);
        }
        let keys = client.run(&format!("COMMAND GETKEYSANDFLAGS {command} user:42 10 60"));
        let [key] = keys.items() else { panic!("{keys:?}") };
        assert_eq!(key.items()[0].text(), "user:42");
        assert_eq!(sorted(&key.items()[1]), flags);
        assert!(client.run(&format!("COMMAND GETKEYS {command} user:42")).is_error());
    }
    let call = "LW.BURST user:42 10 60 METHOD GET IP ::1";
    assert_eq!(client.run(&format!("COMMAND GETKEYS {call}")).texts(), ["user:42"]);
    let name = b"a\0\xff\n";
    let keys = client.call(&[&b"COMMAND"[..], b"GETKEYS", b"LW.PEEK", name, b"1", b"1"]);
    assert_eq!(keys, Value::Array(vec![Value::Bulk(name.to_vec())]));
}

#[test]
fn commands_on_several_keys_report_all_of_them() {
    let server = Server::start();
    let mut client = server.client();
    for (command, flags, key_flags) in [
        ("LW.MRATELIMIT", &["denyoom", "fast", "module", "write"][..], &["RW", "access", "update"][..]),
        ("LW.MPEEK", &["fast", "module", "readonly"], &["RO", "access"]),
    ] {
        let info = info(&mut client, command);
        assert_eq!(info[1].int(), -5, "{command}");
        assert_eq!(sorted(&info[2]), flags, "{command}");
        assert_eq!(info[3..6].iter().map(Value::int).collect::<Vec<_>>(), [1, -1, 4], "{command}");
        let [spec] = info[8].items() else { panic!("{command} does not have one key spec: {info:?}") };
        assert_eq!(sorted(spec.field("flags")), key_flags, "{command}");
        assert_eq!(spec.field("begin_search").field("spec").field("index").int(), 1);
        let find = spec.field("find_keys").field("spec");
        assert_eq!((find.field("lastkey").int(), find.field("keystep").int()), (-1, 4));

        let docs = docs(&mut client, command);
        let [tuple] = docs.field("arguments").items() else { panic!("{docs:?}") };
        assert_eq!(tuple.field("type").text(), "block");
        assert_eq!(tuple.field("flags").texts(), ["multiple"]);
        let parts = tuple.field("arguments").items();
        let names: Vec<_> = parts.iter().map(|part| part.field("name").text()).collect();
        assert_eq!(names, ["key", "limit", "window", "cost"]);
        assert_eq!(parts[0].field("key_spec_index").int(), 0);

        let keys_of = |client: &mut Client, args: &str| {
            client.run(&format!("COMMAND GETKEYS {command} {args}")).texts()
        };
        assert_eq!(keys_of(&mut client, "a 10 60 1"), ["a"]);
        assert_eq!(keys_of(&mut client, "a 10 60 1 b 5 1h 2"), ["a", "b"]);
        assert_eq!(keys_of(&mut client, "a 10 60 1 a 5 1h 1 c 9 1d 0"), ["a", "a", "c"]);
        let sixteen: Vec<_> = (0..16).map(|n| format!("k{n}")).collect();
        let args = sixteen.iter().map(|key| format!("{key} 1 60 1")).collect::<Vec<_>>().join(" ");
        assert_eq!(keys_of(&mut client, &args), sixteen);
        let keys = client.run(&format!("COMMAND GETKEYSANDFLAGS {command} a 10 60 1 b 5 1h 1"));
        assert_eq!(keys.items().len(), 2, "{keys:?}");
        for key in keys.items() {
            assert_eq!(sorted(&key.items()[1]), key_flags);
        }
        assert!(client.run(&format!("COMMAND GETKEYS {command} a 10 60")).is_error());
    }
}

#[test]
fn internal_commands_are_hidden_on_servers_that_support_it() {
    let server = Server::start();
    let mut client = server.client();
    let hides = server.is_at_least((8, 0), (u32::MAX, 0));
    let listed = client.run("COMMAND LIST FILTERBY MODULE lockwatch").texts();
    for command in [
        "LW._WINDOW",
        "LW._WINDOWS",
        "LW._BURST",
        "LW._CELL",
        "LW._ALERTS",
        "LW._AUDIT",
        "LW._TOKEN",
        "LW._LEASE",
        "LW._GUARD",
        "LW._POLICY",
    ] {
        assert_eq!(listed.iter().any(|name| name.eq_ignore_ascii_case(command)), !hides, "{listed:?}");
        let info = client.run(&format!("COMMAND INFO {command}")).items()[0].clone();
        if hides {
            assert_eq!(info, Value::Nil);
            continue;
        }
        let flags = sorted(&info.items()[2]);
        assert!(
            ["admin", "noscript", "write"].iter().all(|flag| flags.contains(&flag.to_string())),
            "{flags:?}"
        );
        assert!(
            !flags.contains(&"denyoom".to_owned()),
            "an effect must not be refused at maxmemory: {flags:?}"
        );
    }
}
