//! Directives: CONFIG GET, SET and REWRITE, redis.conf, and the arguments of loadmodule.

use crate::support::{Client, Server};

const DIRECTIVE: &str = "lockwatch.window-max-entries";

fn value(client: &mut Client) -> String {
    client.run(&format!("CONFIG GET {DIRECTIVE}")).field(DIRECTIVE).text()
}

fn value_of(server: &Server) -> String {
    value(&mut server.client())
}

#[test]
fn every_directive_has_its_default() {
    let server = Server::start();
    let texts = server.client().run("CONFIG GET lockwatch.*").texts();
    let mut directives: Vec<_> = texts.chunks(2).map(|pair| (&pair[0][..], &pair[1][..])).collect();
    directives.sort_unstable();
    assert_eq!(
        directives,
        [
            ("lockwatch.access-ttl", "900"),
            ("lockwatch.alert-max-bytes", "16777216"),
            ("lockwatch.alert-max-events", "10000"),
            ("lockwatch.audit-batch", "1000"),
            ("lockwatch.audit-lag-alert", "300"),
            ("lockwatch.audit-max-age-days", "30"),
            ("lockwatch.audit-max-bytes", "268435456"),
            ("lockwatch.audit-max-events", "1000000"),
            ("lockwatch.audit-retention-days", "0"),
            ("lockwatch.cl-throttle", "no"),
            ("lockwatch.guard-learn", "86400"),
            ("lockwatch.guard-max-bytes", "20971520"),
            ("lockwatch.guard-mode", "enforce"),
            (
                "lockwatch.guard-never-ban",
                "127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 100.64.0.0/10 \
                 169.254.0.0/16 fe80::/10"
            ),
            ("lockwatch.guard-rules-file", ""),
            ("lockwatch.journal", "yes"),
            ("lockwatch.jwt-audience", "lockwatch-api"),
            ("lockwatch.jwt-issuer", "lockwatch"),
            ("lockwatch.jwt-keys", ""),
            ("lockwatch.jwt-leeway", "5"),
            ("lockwatch.jwt-secret-file", ""),
            ("lockwatch.postgres-url-file", ""),
            ("lockwatch.refresh-secret-file", ""),
            ("lockwatch.refresh-ttl", "604800"),
            ("lockwatch.rotate-grace", "10"),
            ("lockwatch.rotate-retry", "0"),
            ("lockwatch.session-max-age", "2592000"),
            ("lockwatch.sessions-per-subject", "100"),
            ("lockwatch.ship", "yes"),
            ("lockwatch.sign-threads", "2"),
            ("lockwatch.tokens-not-before", "0"),
            ("lockwatch.top-keys", "100"),
            ("lockwatch.verify-cache-entries", "10000"),
            ("lockwatch.webhook-allow-private", "no"),
            ("lockwatch.webhook-secret-file", ""),
            ("lockwatch.webhook-timeout", "10"),
            ("lockwatch.webhook-urls", ""),
            ("lockwatch.webhook-urls-file", ""),
            ("lockwatch.window-max-entries", "512"),
        ]
    );
}

#[test]
fn config_set_accepts_values_within_bounds_and_refuses_others() {
    let server = Server::start();
    let mut client = server.client();
    for sound in ["8", "64", "16384"] {
        assert_eq!(client.run(&format!("CONFIG SET {DIRECTIVE} {sound}")).text(), "OK");
        assert_eq!(value(&mut client), sound);
    }
    for bad in [
        "7",
        "0",
        "-1",
        "16385",
        "9223372036854775807",
        "18446744073709551616",
        "many",
        "",
        "1e3",
        "64kb",
        "\0",
    ] {
        let answer = client.call(&["CONFIG", "SET", DIRECTIVE, bad]);
        assert!(answer.error().starts_with("ERR "), "{bad:?}: {answer:?}");
        assert_eq!(value(&mut client), "16384", "{bad:?} changed the value");
    }
    assert!(client.run("CONFIG SET lockwatch.nonsense 1").is_error());
}

#[test]
fn config_rewrite_persists_changed_directives() {
    let mut server = Server::builder().module_args("window-max-entries 100").start();
    server.client().run(&format!("CONFIG SET {DIRECTIVE} 64"));
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "OK");
    server.stop();
    server.start_again();
    assert_eq!(value_of(&server), "64");
    // A second rewrite must keep the change too.
    server.client().run(&format!("CONFIG SET {DIRECTIVE} 65"));
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "OK");
    server.stop();
    server.start_again();
    assert_eq!(value_of(&server), "65");
}

#[test]
fn a_restart_without_config_rewrite_restores_the_default() {
    let mut server = Server::start();
    server.client().run(&format!("CONFIG SET {DIRECTIVE} 64"));
    server.stop();
    server.start_again();
    assert_eq!(value_of(&server), "512");
}

#[test]
fn redis_conf_sets_a_directive() {
    assert_eq!(value_of(&Server::builder().config(format!("{DIRECTIVE} 33")).start()), "33");
}

#[test]
fn redis_conf_overrides_loadmodule_arguments() {
    assert_eq!(value_of(&Server::builder().module_args("window-max-entries 64").start()), "64");
    assert_eq!(value_of(&Server::builder().module_args("WINDOW-MAX-ENTRIES 65").start()), "65");
    let both = Server::builder().module_args("window-max-entries 64").config(format!("{DIRECTIVE} 128"));
    assert_eq!(value_of(&both.start()), "128");
}

#[test]
fn a_loadmodule_argument_survives_config_rewrite() {
    let mut server = Server::builder().module_args("window-max-entries 64").start();
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "OK");
    server.stop();
    server.start_again();
    assert_eq!(value_of(&server), "64");
}

#[test]
fn a_bad_loadmodule_argument_stops_startup_and_logs_the_reason() {
    for (args, reason) in [
        ("window-max-entries 7", "window-max-entries must be an integer from 8 to 16384"),
        ("window-max-entries 16385", "window-max-entries must be an integer from 8 to 16384"),
        ("window-max-entries many", "window-max-entries must be an integer from 8 to 16384"),
        ("window-max-entries", "loadmodule has a bad argument: window-max-entries has no value"),
        ("lockwatch.ship no", "no directive is called \"lockwatch.ship\"; there is window-max-entries"),
        ("lockwatch.ship no", "ship, journal. Write each as its name, without the prefix of redis.conf"),
        (
            "window-max-entires 64",
            "no directive is called \"window-max-entires\"; there is window-max-entries",
        ),
        ("64", "no directive is called \"64\"; there is window-max-entries"),
        ("webhook-urls https://a/x https://b/hidden", "an argument is no name of a directive (put a value"),
    ] {
        let Err(log) = Server::builder().module_args(args).try_start() else {
            panic!("the server started with {args:?}")
        };
        assert!(log.contains(reason), "the log does not say {reason:?}:\n{log}");
    }
}

#[test]
fn a_bad_value_in_redis_conf_stops_startup_and_logs_the_directive() {
    for bad in ["7", "16385", "many"] {
        let started = Server::builder().config(format!("{DIRECTIVE} {bad}")).try_start();
        let Err(log) = started else { panic!("the server started with {bad:?}") };
        assert!(log.contains("window-max-entries"), "{log}");
    }
    assert!(Server::builder().config("lockwatch.nonsense 1").try_start().is_err());
}

/// The directives that are a length of time, with one that each accepts.
const LENGTHS: [(&str, &str, &str); 9] = [
    ("access-ttl", "15m", "900"),
    ("refresh-ttl", "1d", "86400"),
    ("session-max-age", "36h", "129600"),
    ("jwt-leeway", "90s", "90"),
    ("rotate-grace", "500ms", "500ms"),
    ("rotate-retry", "1h", "3600"),
    ("webhook-timeout", "1500ms", "1500ms"),
    ("audit-lag-alert", "10m", "600"),
    ("guard-learn", "2d", "172800"),
];

#[test]
fn a_length_of_time_takes_a_unit_and_is_shown_in_one_form() {
    let mut server = Server::start();
    let mut client = server.client();
    for (directive, value, shown) in LENGTHS {
        let default = client.get(directive);
        client.set(directive, value);
        assert_eq!(client.get(directive), shown, "{directive}");
        client.set(directive, &default);
        assert_eq!(client.get(directive), default);
        client.set(directive, &value.to_uppercase());
    }
    assert_eq!(client.run("CONFIG REWRITE").text(), "OK");
    drop(client);
    server.stop();
    server.start_again();
    for (directive, _, shown) in LENGTHS {
        assert_eq!(server.client().get(directive), shown, "{directive} after CONFIG REWRITE");
    }
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "OK");
    server.stop();
    server.start_again();
    assert_eq!(server.client().get("access-ttl"), "900");
}

#[test]
fn a_length_of_time_can_be_given_in_redis_conf_and_to_loadmodule() {
    let server = Server::builder()
        .module_args("access-ttl 5m refresh-ttl 2h")
        .config("lockwatch.access-ttl 10m")
        .config("lockwatch.rotate-grace 1m")
        .start();
    let mut client = server.client();
    let values = ["access-ttl", "refresh-ttl", "rotate-grace"].map(|directive| client.get(directive));
    assert_eq!(values, ["600", "7200", "60"]);
}

#[test]
fn a_length_of_time_that_cant_be_used_is_refused_with_the_bounds_and_the_form() {
    let server = Server::start();
    let mut client = server.client();
    for (directive, value, bounds) in [
        ("access-ttl", "15 m", "1 to 315360000 whole seconds"),
        ("access-ttl", "1500ms", "1 to 315360000 whole seconds"),
        ("access-ttl", "15min", "15m"),
        ("access-ttl", "0", "1 to"),
        ("jwt-leeway", "301", "0 to 300 whole seconds"),
        ("jwt-leeway", "6m", "0 to 300 whole seconds"),
        ("webhook-timeout", "999ms", "1 to 60 seconds"),
        ("webhook-timeout", "2m", "1 to 60 seconds"),
        ("rotate-grace", "-1", "0 to 3600 seconds"),
        ("rotate-grace", "", "0 to 3600 seconds"),
        ("guard-learn", "31d", "0 to 2592000 seconds"),
        ("audit-lag-alert", "3651d", "0 to 315360000 seconds"),
    ] {
        let why = client.set_refused(directive, value);
        assert!(why.contains(directive) && why.contains(bounds), "{why}");
    }
    let Err(log) = Server::builder().module_args("access-ttl soon").try_start() else { panic!("it starts") };
    assert!(log.contains("access-ttl must be 1 to 315360000 whole seconds"), "{log}");
}

/// The README says that the log has the reason.
#[test]
fn the_log_says_why_a_value_in_redis_conf_keeps_the_server_from_starting() {
    let dir = tempfile::TempDir::with_prefix("lockwatch-it-").unwrap();
    let file = dir.path().join("postgres.url");
    std::fs::write(&file, "postgres://me:hunter2@host/db?sslmod=require").unwrap();
    for (line, reason) in [
        ("lockwatch.access-ttl soon".to_owned(), "must be 1 to 315360000 whole seconds"),
        ("lockwatch.webhook-urls https://a/,https://b/".to_owned(), "separate URLs with spaces"),
        ("lockwatch.jwt-keys /nowhere/a,/nowhere/b".to_owned(), "separate files with spaces"),
        (format!("lockwatch.postgres-url-file {}", file.display()), "is it to be sslmode?"),
    ] {
        let Err(log) = Server::builder().config(&line).try_start() else { panic!("it starts with {line}") };
        let directive = line.split(' ').next().unwrap();
        assert!(log.contains(directive) && log.contains(reason), "{line}:\n{log}");
        assert!(!log.contains("hunter2"), "{log}");
    }
}

#[test]
fn what_is_wrong_with_a_postgres_url_is_said_without_the_password() {
    let server = Server::start();
    let mut client = server.client();
    let path = server.dir().join("postgres.url");
    for (url, reason) in [
        ("postgres://user:p@ssw0rd@host/db", "%40"),
        ("postgres://user:pa/ssw0rd@host/db", "%2F"),
        ("postgres://user:pa?ssw0rd@host/db", "%3F"),
        ("postgres://user:pa%ssw0rd@host/db", "%25"),
        ("postgres://user:ssw0rd", "the @ between the password and the host is missing"),
        ("postgres://user:ssw0rd@host/db?sslmod=require", "is it to be sslmode?"),
        ("postgres://user:ssw0rd@host/db?sslmode=ssw0rd", "sslmode is none of"),
        ("postgres://user:ssw0rd@host/db?sslkey=/ssw0rd", "sslkey of libpq is not supported"),
        ("user=me password=ssw0rd host=host", "no postgres:// URL"),
    ] {
        std::fs::write(&path, url).unwrap();
        let why = client.set_refused("postgres-url-file", path.to_str().unwrap());
        assert!(why.contains(reason), "{url}: {why}");
        assert!(!why.contains("ssw0rd"), "{why}");
    }
    let why = client.set_refused("postgres-url-file", "postgres://user:ssw0rd@host/db");
    assert!(why.contains("this is a URL") && !why.contains("ssw0rd"), "{why}");
    std::fs::write(&path, "postgres://user:p%40ssw0rd@127.0.0.1:1/db").unwrap();
    client.set("postgres-url-file", path.to_str().unwrap());
    client.run("LW.AUDIT USER alice");
    crate::support::wait_until("a connection has failed", || !client.audit_text("last_error").is_empty());
    assert_eq!(client.audit_text("postgres"), "postgres://127.0.0.1:1");
    for shown in [client.run("INFO everything").text(), server.log()] {
        assert!(!shown.contains("ssw0rd"), "{shown}");
    }
}
