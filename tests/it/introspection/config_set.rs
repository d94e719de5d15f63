//! CONFIG SET of several directives, and files that are read again.

use std::fs;

use crate::support::receiver::{Receiver, verify};
use crate::support::tokens::{Algorithm, Keys, Tokens};
use crate::support::{Client, Server, Value};

const SECRET: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk";
const OTHER_SECRET: &str = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3";
const OTHER_REFRESH_SECRET: &str = "another secret for refresh tokens: 0123456789";

/// Directives that name a file.
const FILES: [&str; 6] = [
    "jwt-keys",
    "jwt-secret-file",
    "refresh-secret-file",
    "webhook-urls-file",
    "webhook-secret-file",
    "postgres-url-file",
];

/// A server with a directive of each kind in force.
struct Configured {
    keys: Keys,
    receiver: Receiver,
    server: Server,
}

/// The values in force, observed by the server's behaviour.
#[derive(Debug, PartialEq)]
struct InForce {
    directives: Vec<String>,
    kid: String,
    issuer: String,
    access_ttl: i64,
    key_count: i64,
    refreshes: bool,
    delivers: bool,
    signs_with: Option<&'static str>,
    database: String,
}

impl Configured {
    fn start() -> Self {
        let keys = Keys::new();
        let receiver = Receiver::start();
        let url_file = keys.file("urls", &receiver.url());
        let secret_file = keys.file("webhook-secret", SECRET);
        let database_file = keys.file("database", "postgres://user:hunter2@127.0.0.1:1/before");
        let server = Server::builder()
            // Each CONFIG SET reads all files again, and the tests leave theirs readable.
            .may_repeat("chmod 600")
            .config(format!("lockwatch.jwt-keys {}", keys.signing(Algorithm::Es256, 0)))
            .config(format!("lockwatch.jwt-secret-file {}", keys.signing(Algorithm::Hs256, 0)))
            .config(format!("lockwatch.refresh-secret-file {}", keys.refresh()))
            .config("lockwatch.jwt-issuer before")
            .config("lockwatch.access-ttl 60")
            .config("lockwatch.webhook-allow-private yes")
            .config(format!("lockwatch.webhook-urls-file {url_file}"))
            .config(format!("lockwatch.webhook-secret-file {secret_file}"))
            .config(format!("lockwatch.postgres-url-file {database_file}"))
            .start();
        Self { keys, receiver, server }
    }

    /// What is in force. `refresh` is a refresh token, which is replaced by its successor.
    fn in_force(&self, client: &mut Client, refresh: &mut String) -> InForce {
        let tokens = client.issue("auth alice");
        let claims = tokens.claims();
        let rotated = client.call(&["LW.ROTATE", "auth", refresh]);
        let refreshes = !rotated.is_error();
        if refreshes {
            *refresh = Tokens::of(&rotated).refresh;
        }
        // An endpoint is summed up to when it gets many alerts of one type.
        let id = client.alert(&format!("test.{}", self.receiver.count()), "1");
        let delivers = client.get("ship") == "yes" && client.get("webhook-allow-private") == "yes";
        let signs_with = if delivers {
            let request = self.receiver.wait_for_alert(&id);
            [SECRET, OTHER_SECRET].into_iter().find(|secret| verify(&request, &[secret]).is_ok())
        } else {
            None
        };
        // Servers list them in the order of a hash table.
        let values = client.run("CONFIG GET lockwatch.*").texts();
        let mut directives: Vec<String> = values.chunks(2).map(|pair| pair.join(" ")).collect();
        directives.sort_unstable();
        InForce {
            directives,
            kid: tokens.header()["kid"].to_string(),
            issuer: claims["iss"].to_string(),
            access_ttl: claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            key_count: client.token_info("keys"),
            refreshes,
            delivers,
            signs_with,
            database: client.audit_text("postgres"),
        }
    }

    /// Another good value for a directive of each kind.
    fn other_values(&self) -> Vec<(&'static str, String)> {
        let other_receiver = "http://127.0.0.1:1/other";
        vec![
            ("jwt-keys", self.keys.signing(Algorithm::EdDsa, 0)),
            ("jwt-secret-file", self.keys.file("two", &format!("{OTHER_REFRESH_SECRET}\n{OTHER_SECRET}"))),
            ("refresh-secret-file", self.keys.file("other-refresh", OTHER_REFRESH_SECRET)),
            ("jwt-issuer", "after".to_owned()),
            ("access-ttl", "61".to_owned()),
            ("alert-max-bytes", "2mb".to_owned()),
            ("webhook-urls", "http://127.0.0.1:1/listed".to_owned()),
            ("webhook-urls-file", self.keys.file("other-urls", other_receiver)),
            ("webhook-secret-file", self.keys.file("other-webhook-secret", OTHER_SECRET)),
            (
                "postgres-url-file",
                self.keys.file("other-database", "postgres://user:hunter2@127.0.0.2:1/after"),
            ),
            ("webhook-allow-private", "no".to_owned()),
            ("ship", "no".to_owned()),
        ]
    }
}

/// CONFIG SET of several directives of the module.
fn set_all(client: &mut Client, pairs: &[(&str, &str)]) -> Value {
    let mut call = vec!["CONFIG".to_owned(), "SET".to_owned()];
    for (directive, value) in pairs {
        call.extend([format!("lockwatch.{directive}"), (*value).to_owned()]);
    }
    client.call(&call.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_refused_config_set_leaves_everything_as_it_was() {
    let configured = Configured::start();
    let mut client = configured.server.client();
    let mut refresh = client.issue("auth alice").refresh;
    let before = configured.in_force(&mut client, &mut refresh);
    assert!(before.refreshes && before.delivers && before.signs_with == Some(SECRET), "{before:?}");
    let others = configured.other_values();
    // Setting a directive back must not need its file.
    for directive in FILES {
        fs::remove_file(client.get(directive)).unwrap();
    }
    for (directive, good) in &others {
        for (refused, bad) in [("webhook-urls", "nonsense"), ("jwt-keys", "/nowhere"), ("sign-threads", "0")]
        {
            if refused == *directive {
                continue;
            }
            let pairs = [(*directive, &good[..]), (refused, bad)];
            for pairs in [pairs, [pairs[1], pairs[0]]] {
                assert!(set_all(&mut client, &pairs).is_error(), "{pairs:?}");
                assert_eq!(configured.in_force(&mut client, &mut refresh), before, "after {pairs:?}");
            }
        }
    }
    // All of them at once, and one that is bad.
    let mut pairs: Vec<_> = others.iter().map(|(directive, good)| (*directive, &good[..])).collect();
    pairs.push(("sign-threads", "0"));
    assert!(set_all(&mut client, &pairs).is_error());
    assert_eq!(configured.in_force(&mut client, &mut refresh), before);
    assert!(!configured.server.log().contains("Failed restoring"));
}

#[test]
fn an_accepted_config_set_brings_all_values_into_force() {
    let configured = Configured::start();
    let mut client = configured.server.client();
    let mut refresh = client.issue("auth alice").refresh;
    let before = configured.in_force(&mut client, &mut refresh);
    // The receiver has the alert already, but its answer may not have reached the server.
    client.wait_until_delivered();
    let others = configured.other_values();
    let pairs: Vec<_> = others.iter().map(|(directive, good)| (*directive, &good[..])).collect();
    assert_eq!(set_all(&mut client, &pairs).text(), "OK");
    let after = configured.in_force(&mut client, &mut refresh);
    assert_ne!(after.kid, before.kid);
    assert_eq!((&after.issuer[..], after.access_ttl), ("\"after\"", 61));
    assert_eq!((before.key_count, after.key_count), (2, 3));
    assert!(!after.refreshes, "the refresh token was made with a secret that is no longer in force");
    assert!(before.database.contains("127.0.0.1") && after.database.contains("127.0.0.2"), "{after:?}");
    assert_eq!(client.get("alert-max-bytes"), "2097152");
    let pending = client.waiting().into_iter().flat_map(|waiting| waiting.pending);
    let endpoints: Vec<_> = pending.map(|pending| pending.endpoint).collect();
    assert_eq!(endpoints, ["http://127.0.0.1:1"; 2], "one endpoint of each list, for the alert since");
}

/// Changes what each file holds, has the server read them again, and checks that it did.
fn assert_reads_again(read_again: impl Fn(&mut Client)) {
    let configured = Configured::start();
    let mut client = configured.server.client();
    let mut refresh = client.issue("auth alice").refresh;
    let before = configured.in_force(&mut client, &mut refresh);
    let receiver = Receiver::start();
    let content = |path: String| fs::read_to_string(path).unwrap();
    for (directive, new) in [
        ("jwt-keys", content(configured.keys.signing(Algorithm::EdDsa, 0))),
        ("jwt-secret-file", format!("{OTHER_REFRESH_SECRET}\n{OTHER_SECRET}")),
        ("refresh-secret-file", OTHER_REFRESH_SECRET.to_owned()),
        ("webhook-urls-file", receiver.url()),
        ("webhook-secret-file", OTHER_SECRET.to_owned()),
        ("postgres-url-file", "postgres://user:hunter2@127.0.0.2:1/after".to_owned()),
    ] {
        fs::write(client.get(directive), new).unwrap();
    }
    assert_eq!(
        configured.in_force(&mut client, &mut refresh),
        before,
        "nothing is read unless it is asked for"
    );
    read_again(&mut client);
    let delivered_to_other = Configured { receiver, ..configured };
    let after = delivered_to_other.in_force(&mut client, &mut refresh);
    assert_eq!(after.directives, before.directives);
    assert_ne!(after.kid, before.kid);
    assert_eq!((before.key_count, after.key_count), (2, 3));
    assert!(before.refreshes && !after.refreshes);
    assert_eq!(after.signs_with, Some(OTHER_SECRET));
    assert!(after.database.contains("127.0.0.2"), "{after:?}");
}

#[test]
fn setting_a_file_directive_to_the_path_it_has_reads_the_file_again() {
    assert_reads_again(|client| {
        for directive in FILES {
            let path = client.get(directive);
            client.set(directive, &path);
        }
    });
    assert_reads_again(|client| {
        let values = FILES.map(|directive| client.get(directive));
        let pairs: Vec<_> = FILES.into_iter().zip(values.iter().map(String::as_str)).collect();
        assert_eq!(set_all(client, &pairs).text(), "OK");
    });
}

#[test]
fn lw_reload_reads_all_files_again() {
    assert_reads_again(|client| assert_eq!(client.run("LW.RELOAD").text(), "OK"));
}

#[test]
fn a_file_that_cant_be_read_again_leaves_what_was_read_before_in_force() {
    let configured = Configured::start();
    let mut client = configured.server.client();
    let mut refresh = client.issue("auth alice").refresh;
    let before = configured.in_force(&mut client, &mut refresh);
    // What is read first is good, and new.
    let new_key = fs::read(configured.keys.signing(Algorithm::EdDsa, 0)).unwrap();
    fs::write(client.get("jwt-keys"), new_key).unwrap();
    for directive in &FILES[1..] {
        let path = client.get(directive);
        let good = fs::read(&path).unwrap();
        fs::write(&path, "sesame open").unwrap();
        let answer = client.run("LW.RELOAD");
        assert!(answer.error().starts_with("ERR nothing was changed: "), "{answer:?}");
        assert!(answer.error().contains(directive) && !answer.error().contains("sesame"), "{answer:?}");
        assert_eq!(configured.in_force(&mut client, &mut refresh), before);
        // The server does not let a module refuse a value that stays the same.
        let jwt_keys = client.get("jwt-keys");
        assert_eq!(set_all(&mut client, &[("jwt-keys", &jwt_keys), (directive, &path)]).text(), "OK");
        assert_eq!(configured.in_force(&mut client, &mut refresh), before);
        let warning = format!("can't be read again: {directive}");
        assert!(configured.server.log().contains(&warning), "{}", configured.server.log());
        fs::write(&path, good).unwrap();
    }
    assert!(!configured.server.log().contains("sesame"));
    // A CONFIG SET that is refused reads nothing again.
    let jwt_keys = client.get("jwt-keys");
    for pairs in
        [[("jwt-keys", &jwt_keys[..]), ("access-ttl", "0")], [("access-ttl", "0"), ("jwt-keys", &jwt_keys)]]
    {
        assert!(set_all(&mut client, &pairs).is_error());
        assert_eq!(configured.in_force(&mut client, &mut refresh), before);
    }
    assert_eq!(client.run("LW.RELOAD").text(), "OK");
    assert_ne!(configured.in_force(&mut client, &mut refresh).kid, before.kid);
}

#[test]
fn a_file_is_read_at_the_start_though_redis_conf_repeats_an_argument_of_loadmodule() {
    let keys = Keys::new();
    let path = keys.signing(Algorithm::EdDsa, 0);
    let server = Server::builder()
        .module_args(&format!("jwt-keys {path}"))
        .config(format!("lockwatch.jwt-keys {path}"))
        .config(format!("lockwatch.refresh-secret-file {}", keys.refresh()))
        .start();
    assert_eq!(server.client().issue("auth alice").header()["alg"], "EdDSA");
}

#[test]
fn lw_reload_is_for_administrators() {
    let server = Server::start();
    let mut client = server.client();
    assert!(client.run("LW.RELOAD now").is_error());
    let info = client.run("COMMAND INFO LW.RELOAD").items()[0].clone();
    assert!(info.items()[2].texts().contains(&"admin".to_owned()), "{info:?}");
    if server.is_at_least((7, 2), (7, 2)) {
        let categories = info.items()[6].texts();
        assert!(
            ["@admin", "@dangerous"].iter().all(|name| categories.contains(&name.to_string())),
            "{info:?}"
        );
    }
    let docs = client.run("COMMAND DOCS LW.RELOAD").field("LW.RELOAD").clone();
    assert!(docs.field("summary").text().ends_with('.'), "{docs:?}");
}
