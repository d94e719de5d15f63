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
            ("lockwatch.audit-max-bytes", "268435456"),
            ("lockwatch.audit-max-events", "1000000"),
            ("lockwatch.audit-retention-days", "0"),
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
