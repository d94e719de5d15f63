//! The table: each scene is a server with data, each row what one client does there.
//!
//! A row's name begins with the command, or with CONFIG SET and the directive. A new command or
//! directive needs a row in the scene whose data it works on.

use crate::support::tokens::{Algorithm, REFRESH_SECRET};
use crate::support::{Client, Server, Value};

use super::stage::{Sizes, Stage};

pub struct Scene {
    pub name: &'static str,
    pub prepare: fn(&Sizes) -> Stage,
    /// In the order in which they run.
    pub rows: Vec<Row>,
}

type Act = Box<dyn Fn(&Stage, &mut Client)>;

pub struct Row {
    pub name: &'static str,
    pub act: Act,
    /// It reads or writes a whole value as bytes, which takes time for every part of it, as with
    /// the server's own types.
    pub copies_all: bool,
}

/// A row that runs its name as a command line, which must succeed.
pub fn line(name: &'static str) -> Row {
    row(name, move |_, client| succeeds(&client.run(name)))
}

pub fn row(name: &'static str, act: impl Fn(&Stage, &mut Client) + 'static) -> Row {
    Row { name, act: Box::new(act), copies_all: false }
}

/// A row whose work is proportional to the size of the value by its nature.
pub fn copying(name: &'static str, act: impl Fn(&Stage, &mut Client) + 'static) -> Row {
    Row { copies_all: true, ..row(name, act) }
}

#[track_caller]
pub fn succeeds(answer: &Value) {
    assert!(!answer.is_error(), "{answer:?}");
}

/// A row that sets a directive to each value in turn. `name` is "CONFIG SET " and the directive.
fn set(name: &'static str, values: &'static [&'static str]) -> Row {
    row(name, move |_, client| values.iter().for_each(|value| set_to(client, name, value)))
}

/// A row that sets a directive to the path of a file that `path` makes, and back.
fn set_file(name: &'static str, path: impl Fn(&Stage) -> String + 'static) -> Row {
    row(name, move |stage, client| {
        let before = client.run(&name.replace("SET", "GET")).texts()[1].clone();
        set_to(client, name, &path(stage));
        set_to(client, name, &before);
    })
}

#[track_caller]
fn set_to(client: &mut Client, name: &str, value: &str) {
    let words: Vec<_> = name.split(' ').chain([value]).collect();
    let answer = client.call(&words);
    assert_eq!(answer, Value::Simple("OK".into()), "{name} {value}");
}

/// Runs a command line and then waits until the replica has applied it.
fn replicated(name: &'static str, line: &'static str) -> Row {
    row(name, move |stage, client| {
        succeeds(&client.run(line));
        stage.wait_for_replica();
    })
}

pub fn all() -> Vec<Scene> {
    vec![
        windows(),
        leases(),
        super::guards::guards(),
        policies(),
        tokens(),
        rsa(),
        alerts(),
        audit(),
        one_user(),
        replica_tokens(),
        replica_queues(),
    ]
}

fn windows() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::start(Server::builder().module_args("cl-throttle yes"));
        let mut client = stage.client();
        for n in 0..sizes.entries {
            let now = client.time_ms();
            client.run("LW.RATELIMIT big 1000000 1h 1000000 2h 1000000 3h");
            client.run("LW.BURST calls 1000000 1h");
            crate::support::wait_until("the clock moves on", || client.time_ms() > now || n == 0);
        }
        stage
    };
    Scene {
        name: "a full window",
        prepare,
        rows: vec![
            line("LW.RATELIMIT big 1000000 1h 1000000 2h 1000000 3h"),
            line("LW.RATELIMIT big 5 1h COST 5"),
            line("LW.PEEK big 1000000 1h"),
            line("LW.RATELIMIT big 5 1h FORCE WITHTIME"),
            // It empties the newest entry, so the last of all closed ones is searched for.
            row("LW.REFUND", |_, client| {
                let at = client.run("LW.RATELIMIT big 1000000 1h WITHTIME").ints()[5];
                assert_eq!(client.run(&format!("LW.REFUND big 1 AT {at}")).int(), 1);
            }),
            // No entry is that old.
            line("LW.REFUND big 1 AT 1"),
            row("LW.SETTLE", |_, client| {
                let at = client.run("LW.RATELIMIT big 1000000 1h COST 9 WITHTIME").ints()[5];
                succeeds(&client.run(&format!("LW.SETTLE big 9 20 AT {at}")));
                assert_eq!(client.run(&format!("LW.SETTLE big 9 5 AT {at}")).ints()[0], 4);
            }),
            line("LW.INSPECT big"),
            line("LW.INSPECT calls"),
            row("LW.TOP", |_, client| {
                set_to(client, "CONFIG SET lockwatch.top-keys", "10000");
                for n in 0..10_000 {
                    succeeds(&client.run(&format!("LW.RATELIMIT denied:{n} 0 1h")));
                }
                succeeds(&client.run("LW.TOP COUNT 10000"));
            }),
            set("CONFIG SET lockwatch.top-keys", &["0", "100"]),
            line("LW.MRATELIMIT big 1000000 1h 1 big 1000000 2h 1 big 1000000 3h 1 other 5 1h 1"),
            line("LW.MRATELIMIT big 5 1h 5 other 5 1h 1"),
            line("LW.MPEEK big 1000000 1h 1 other 5 1h 1"),
            line("LW.BURST calls 10 1h"),
            line("CL.THROTTLE cell 9 10 60"),
            row("CONFIG SET lockwatch.cl-throttle", |_, client| {
                assert!(
                    client.run("CONFIG SET lockwatch.cl-throttle no").is_error(),
                    "it is fixed at the start"
                );
            }),
            line("COPY big copy"),
            copying("DUMP big", |_, client| succeeds(&client.run("DUMP big"))),
            line("UNLINK copy"),
            set("CONFIG SET lockwatch.window-max-entries", &["8"]),
            line("LW.RATELIMIT big 1000000 1h"),
            line("INFO everything"),
        ],
    }
}

fn fill_leases(stage: &Stage, leases: usize) {
    stage.fill(leases, |n| {
        let call = format!("LW.ACQUIRE many 1000000 1h ID {n}");
        call.split(' ').map(str::to_owned).collect()
    });
}

fn leases() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::start(Server::builder());
        fill_leases(&stage, sizes.leases);
        stage
    };
    Scene {
        name: "a key with as many leases as it may hold",
        prepare,
        rows: vec![
            line("LW.RENEW many 7 2h"),
            line("LW.RELEASE many 8"),
            line("LW.ACQUIRE many 1000000 1h"),
            line("LW.ACQUIRE many 1000 1h COST 1000"),
            row("LW.ACQUIRE with ONCLOSE, 1000 times, and a close", |stage, client| {
                let mut holder = stage.client();
                for n in 0..1000 {
                    succeeds(&client.run(&format!("LW.RELEASE many {}", 100 + n)));
                    succeeds(&holder.run("LW.ACQUIRE many 1000000 1h ONCLOSE"));
                }
                drop(holder);
                crate::support::wait_until("the leases are released", || {
                    client.info("lockwatch_lease").number("lockwatch_lease_closed_total") == 1000
                });
            }),
            line("COPY many copy"),
            line("LW.RELEASE copy 9"),
            line("MEMORY USAGE copy SAMPLES 0"),
            line("DEL copy"),
            line("COPY many expired"),
            line("PEXPIRE expired 0"),
            copying("DUMP many", |_, client| succeeds(&client.run("DUMP many"))),
            copying("LW.ACQUIRE after the clock has stepped back", |_, client| {
                client.move_clock(-3_000_000);
                succeeds(&client.run("LW.ACQUIRE many 1000000 1h"));
                client.move_clock(0);
            }),
            row("LW.ACQUIRE after all leases have ended", |_, client| {
                client.move_clock(10_000_000);
                succeeds(&client.run("LW.ACQUIRE many 1000000 1h ID next"));
                client.move_clock(0);
            }),
            row("BGSAVE", |stage, client| {
                succeeds(&client.run("BGSAVE"));
                stage.wait_for_children();
            }),
            line("INFO everything"),
            line("FLUSHALL SYNC"),
        ],
    }
}

fn policies() -> Scene {
    let prepare = |_: &Sizes| {
        let stage = Stage::start(Server::builder());
        let mut client = stage.client();
        for n in 0..1000 {
            let pairs = " 9007199254740991 3650d".repeat(8);
            let name = format!("{n:0>64}");
            succeeds(&client.run(&format!("LW.POLICY SET {name}{pairs}")));
            let subject = format!("{n:x>255}");
            succeeds(&client.run(&format!("LW.POLICY SET {0:0>64}{pairs} FOR {subject}", n % 2)));
        }
        for len in 0..16 {
            let line = format!("LW.POLICY SET {:0>64} 1 1h FOR {}*", 0, "y".repeat(len));
            // The other policy gives room.
            let subject = format!("{:x>255}", 2 * len + 1);
            succeeds(&client.run(&format!("LW.POLICY DEL {:0>64} FOR {subject}", 1)));
            succeeds(&client.run(&line));
        }
        stage
    };
    let first = "0".repeat(64);
    let by_first = format!("@{first}");
    let key = format!("{{{}}}", "y".repeat(256));
    let unknown = format!("@{}x", "0".repeat(63));
    let rows = vec![
        row("LW.RATELIMIT by a policy", move |_, client| {
            succeeds(&client.call(&["LW.RATELIMIT", &key, &by_first]));
        }),
        row("LW.RATELIMIT by an unknown policy", move |_, client| {
            assert!(client.call(&["LW.RATELIMIT", "k", &unknown]).error().starts_with("LWNOPOLICY"));
        }),
        line("LW.POLICY LIST"),
        row("LW.POLICY GET", {
            let first = first.clone();
            move |_, client| succeeds(&client.call(&["LW.POLICY", "GET", &first]))
        }),
        row("LW.POLICY WHICH", {
            let first = first.clone();
            move |_, client| succeeds(&client.call(&["LW.POLICY", "WHICH", &first, "k"]))
        }),
        row("LW.POLICY SET", {
            let first = first.clone();
            move |_, client| succeeds(&client.call(&["LW.POLICY", "SET", &first, "1", "1h"]))
        }),
        line("LW.POLICY HELP"),
        line("LW.RULES"),
        set_file("CONFIG SET lockwatch.guard-rules-file", |stage| {
            // As large as a file may be, with rules that are added to those of every guard.
            let every: String = (0..16).map(|n| format!("* r{n} ip failure each alert enforce\n")).collect();
            let guards: String =
                (0..1600).map(|n| format!("g{n:04} r ip failure each alert enforce\n")).collect();
            stage.keys.file("rules", &(every + &guards))
        }),
        set("CONFIG SET lockwatch.guard-mode", &["observe", "enforce"]),
        set("CONFIG SET lockwatch.guard-never-ban", &["10.0.0.0/8", "127.0.0.0/8 ::1/128 10.0.0.0/8"]),
        set("CONFIG SET lockwatch.guard-learn", &["0", "86400"]),
        set("CONFIG SET lockwatch.guard-max-bytes", &["1048576", "20971520"]),
        line("INFO everything"),
        row("BGSAVE", |stage, client| {
            succeeds(&client.run("BGSAVE"));
            stage.wait_for_children();
        }),
        row("LW.POLICY DEL", move |_, client| succeeds(&client.call(&["LW.POLICY", "DEL", &first]))),
    ];
    Scene { name: "many policies", prepare, rows }
}

fn tokens() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::issuing(Algorithm::Hs256);
        stage.fill_store(sizes.sessions);
        stage
    };
    let verify = |stage: &Stage, client: &mut Client| {
        let token = stage.token();
        succeeds(&client.call(&["LW.VERIFY", "auth", &token.access]));
    };
    let rows = vec![
        line("LW.ISSUE auth alice"),
        row("LW.VERIFY", verify),
        row("LW.ROTATE", |stage, client| {
            client.rotate("auth", &stage.token().refresh);
        }),
        row("LW.ROTATE with a token that was used before", |stage, client| {
            let token = stage.token();
            client.set("rotate-grace", "0");
            client.rotate("auth", &token.refresh);
            assert_eq!(client.rotate_refused("auth", &token.refresh), "LWREUSED");
            client.set("rotate-grace", "10");
        }),
        row("LW.INTROSPECT", |stage, client| {
            succeeds(&client.call(&["LW.INTROSPECT", "auth", &stage.token().access]));
        }),
        line("LW.SESSIONS auth user1"),
        line("LW.INSPECT auth"),
        row("LW.REVOKE auth TOKEN", |stage, client| {
            succeeds(&client.call(&["LW.REVOKE", "auth", "TOKEN", &stage.token().access]));
        }),
        row("LW.REVOKE auth SESSION", |stage, client| {
            succeeds(&client.call(&["LW.REVOKE", "auth", "SESSION", &stage.token().session]));
        }),
        row("LW.CLAIMS auth SESSION", |stage, client| {
            let call = ["LW.CLAIMS", "auth", "SESSION", &stage.token().session, r#"{"role":"user"}"#];
            succeeds(&client.call(&call));
        }),
        line(r#"LW.CLAIMS auth SUBJECT user1 {"role":"admin"}"#),
        line("LW.REVOKE auth SUBJECT user1"),
        line("LW.JWKS"),
        line("LW.RELOAD"),
        line("COPY auth copy"),
        line("LW.ISSUE copy alice"),
        line("LW.ISSUE auth alice"),
        line("COPY auth copy REPLACE"),
        line("MEMORY USAGE copy SAMPLES 0"),
        line("RENAME copy renamed"),
        line("DEL renamed"),
        line("COPY auth unlinked"),
        line("UNLINK unlinked"),
        line("COPY auth overwritten"),
        line("SET overwritten text"),
        line("COPY auth expired"),
        line("PEXPIRE expired 0"),
        copying("DUMP and RESTORE", |_, client| {
            let dump = client.dump("auth");
            assert_eq!(client.call(&[b"RESTORE", b"restored".as_slice(), b"0", &dump]).text(), "OK");
        }),
        row("BGSAVE", |stage, client| {
            succeeds(&client.run("BGSAVE"));
            stage.wait_for_children();
        }),
        row("BGREWRITEAOF without an RDB preamble", |stage, client| {
            client.run("CONFIG SET aof-use-rdb-preamble no");
            succeeds(&client.run("CONFIG SET appendonly yes"));
            stage.wait_for_children();
            succeeds(&client.run("CONFIG SET appendonly no"));
        }),
        row("CONFIG SET lockwatch.verify-cache-entries", move |stage, client| {
            set_to(client, "CONFIG SET lockwatch.verify-cache-entries", "1000000");
            verify(stage, client);
            set_to(client, "CONFIG SET lockwatch.verify-cache-entries", "10000");
            verify(stage, client);
        }),
        set_file("CONFIG SET lockwatch.jwt-keys", |stage| {
            let of = |algorithm| stage.keys.signing(algorithm, 0);
            [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].map(of).join(" ")
        }),
        set_file("CONFIG SET lockwatch.jwt-secret-file", |stage| stage.keys.signing(Algorithm::Hs256, 1)),
        set_file("CONFIG SET lockwatch.refresh-secret-file", |stage| {
            stage.keys.file("two-refresh-secrets", &format!("{REFRESH_SECRET}\n{REFRESH_SECRET}1\n"))
        }),
        set("CONFIG SET lockwatch.jwt-issuer", &["other", "lockwatch"]),
        set("CONFIG SET lockwatch.jwt-audience", &["other", "lockwatch-api"]),
        set("CONFIG SET lockwatch.jwt-leeway", &["300", "5"]),
        set("CONFIG SET lockwatch.sign-threads", &["64", "2"]),
        set("CONFIG SET lockwatch.access-ttl", &["1", "900"]),
        set("CONFIG SET lockwatch.refresh-ttl", &["1", "604800"]),
        set("CONFIG SET lockwatch.session-max-age", &["1", "2592000"]),
        set("CONFIG SET lockwatch.sessions-per-subject", &["1", "100"]),
        set("CONFIG SET lockwatch.rotate-grace", &["0", "10"]),
        set("CONFIG SET lockwatch.rotate-retry", &["60", "0"]),
        set("CONFIG SET lockwatch.tokens-not-before", &["1700000000000", "0"]),
        line("INFO everything"),
        line("LW.REVOKEALL auth"),
        line("FLUSHALL SYNC"),
    ];
    Scene { name: "a large token store", prepare, rows }
}

fn rsa() -> Scene {
    Scene {
        name: "RSA keys",
        prepare: |_| Stage::issuing(Algorithm::Rs256),
        rows: vec![
            line("LW.ISSUE auth alice"),
            row("LW.ISSUE in MULTI", |_, client| {
                client.multi(&["LW.ISSUE auth alice"]).iter().flatten().for_each(succeeds);
            }),
            line("LW.JWKS"),
        ],
    }
}

fn alerts() -> Scene {
    let prepare = |sizes: &Sizes| {
        // Nothing answers on port 9, so alerts stay in the queue.
        let stage = Stage::start(
            Server::builder()
                .config("lockwatch.webhook-allow-private yes")
                .config("lockwatch.webhook-urls http://127.0.0.1:9/"),
        );
        let text = "x".repeat(1000);
        stage.fill(sizes.suppressed, |n| {
            let call = format!("LW.ALERT repeated {{}} DEDUP d{n} COOLDOWN 1d");
            call.split(' ').map(str::to_owned).collect()
        });
        succeeds(&stage.client().run("LW.ALERTS DISCARD ALL"));
        stage.fill(sizes.alerts, |n| {
            vec!["LW.ALERT".to_owned(), format!("type{}", n % 100), format!("{{\"text\":\"{text}\"}}")]
        });
        stage
    };
    Scene {
        name: "a full queue of alerts",
        prepare,
        rows: vec![
            row("LW.ALERT", |_, client| {
                client.run("LW.ALERT own {} DEDUP new COOLDOWN 1d");
            }),
            line("LW.ALERTS LIST"),
            line("LW.ALERTS LIST COUNT 10000"),
            line("LW.ALERTS RECENT"),
            line("LW.ALERTS DEAD COUNT 10000"),
            line("LW.ALERTS REPLAY ALL"),
            row("LW.ALERTS TEST", |_, client| {
                client.run("LW.ALERTS TEST");
            }),
            line("LW.ALERTS HELP"),
            line("LW.RELOAD"),
            row("BGSAVE", |stage, client| {
                succeeds(&client.run("BGSAVE"));
                stage.wait_for_children();
            }),
            set(
                "CONFIG SET lockwatch.webhook-urls",
                &[
                    "http://127.0.0.1:9/a http://127.0.0.1:9/b https://127.0.0.1:9/c",
                    "",
                    "http://127.0.0.1:9/",
                ],
            ),
            set_file("CONFIG SET lockwatch.webhook-urls-file", |stage| {
                stage.keys.file("urls", "http://127.0.0.1:9/d\n")
            }),
            set_file("CONFIG SET lockwatch.webhook-secret-file", |stage| {
                stage.keys.file("secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n")
            }),
            set("CONFIG SET lockwatch.webhook-timeout", &["1", "10"]),
            set("CONFIG SET lockwatch.webhook-allow-private", &["no", "yes"]),
            set("CONFIG SET lockwatch.alert-max-events", &["1", "10000"]),
            set("CONFIG SET lockwatch.alert-max-bytes", &["1048576", "16777216"]),
            set("CONFIG SET lockwatch.ship", &["no", "yes"]),
            line("INFO everything"),
            row("LW.ALERTS DISCARD", |_, client| {
                client.run("LW.ALERTS DISCARD 1-1-1");
            }),
            line("LW.ALERTS DISCARD ALL"),
        ],
    }
}

fn fill_journal(stage: &Stage, events: usize) {
    stage.fill(events, |n| {
        let call = format!(
            "LW.AUDIT USER user:{} IP 203.0.113.9 METHOD GET ENDPOINT /api/v1/items/{n} STATUS 200 LATENCY 12ms",
            n % 5000
        );
        call.split(' ').map(str::to_owned).collect()
    });
}

/// Every other event of a full journal is erased.
fn one_user() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::start(Server::builder());
        stage.fill(sizes.events, |n| {
            ["LW.AUDIT", "USER", if n % 2 == 0 { "one" } else { "other" }].map(str::to_owned).to_vec()
        });
        stage
    };
    let name = "a full journal, half of it of one user";
    Scene { name, prepare, rows: vec![line("LW.AUDITLOG ERASE USER one")] }
}

fn audit() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::start(Server::builder());
        fill_journal(&stage, sizes.events);
        stage
    };
    Scene {
        name: "a full journal of audit events",
        prepare,
        rows: vec![
            row("LW.AUDIT", |_, client| {
                client.run("LW.AUDIT USER own");
            }),
            line("LW.AUDITLOG QUERY"),
            line("LW.AUDITLOG QUERY COUNT 10000"),
            line("LW.AUDITLOG QUERY USER nobody"),
            line("LW.AUDITLOG QUERY LOCAL STATUS 500 METHOD POST KIND none*"),
            row("LW.AUDITLOG QUERY in MULTI", |_, client| {
                client.multi(&["LW.AUDITLOG QUERY USER nobody"]);
            }),
            line("LW.AUDITLOG DEAD COUNT 10000"),
            line("LW.AUDITLOG REPLAY ALL"),
            row("LW.AUDITLOG DISCARD", |_, client| {
                client.run("LW.AUDITLOG DISCARD 1-1-1");
            }),
            line("LW.AUDITLOG HELP"),
            line("LW.AUDITLOG ERASE USER nobody"),
            line("LW.AUDITLOG ERASE USER user:7"),
            line("LW.RELOAD"),
            line("INFO everything"),
            row("BGSAVE", |stage, client| {
                succeeds(&client.run("BGSAVE"));
                stage.wait_for_children();
            }),
            row("BGREWRITEAOF", |stage, client| {
                succeeds(&client.run("CONFIG SET appendonly yes"));
                stage.wait_for_children();
                succeeds(&client.run("BGREWRITEAOF"));
                stage.wait_for_children();
                succeeds(&client.run("CONFIG SET appendonly no"));
            }),
            set("CONFIG SET lockwatch.audit-batch", &["1", "1000"]),
            set("CONFIG SET lockwatch.audit-retention-days", &["1", "0"]),
            set("CONFIG SET lockwatch.audit-max-age-days", &["1", "30"]),
            set("CONFIG SET lockwatch.audit-lag-alert", &["0", "300"]),
            set("CONFIG SET lockwatch.audit-max-events", &["1000", "1000000"]),
            set("CONFIG SET lockwatch.audit-max-bytes", &["1048576", "268435456"]),
            set_file("CONFIG SET lockwatch.postgres-url-file", |stage| {
                stage.keys.file("postgres", "postgres://nobody:nothing@127.0.0.1:9/none?sslmode=disable\n")
            }),
            row("CONFIG SET lockwatch.journal", |_, client| {
                assert!(client.run("CONFIG SET lockwatch.journal no").is_error(), "it is fixed at the start");
            }),
            line("FLUSHALL SYNC"),
            line("LW.PURGE CONFIRM"),
        ],
    }
}

fn replica_tokens() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::issuing(Algorithm::Hs256);
        stage.fill_store(sizes.sessions);
        stage.with_replica()
    };
    Scene {
        name: "a replica with a large token store",
        prepare,
        rows: vec![
            replicated("LW._TOKEN that adds a session", "LW.ISSUE auth alice"),
            replicated("LW._TOKEN that changes claims", r#"LW.CLAIMS auth SUBJECT alice {"role":"admin"}"#),
            replicated("COPY", "COPY auth copy"),
            replicated("LW._TOKEN that ends every session", "LW.REVOKEALL auth"),
            replicated("LW._WINDOW", "LW.RATELIMIT k 5 1m"),
            replicated("LW._WINDOWS", "LW.MRATELIMIT k 5 1m 1 l 5 1m 1"),
            replicated("LW._BURST", "LW.BURST b 5 1m"),
            replicated("LW._LEASE", "LW.ACQUIRE lease 5 1m"),
            replicated("LW._GUARD", "LW.ATTEMPT login IP 203.0.113.7 USER alice"),
            replicated("FLUSHALL", "FLUSHALL"),
        ],
    }
}

fn replica_queues() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::start(Server::builder().module_args("cl-throttle yes"));
        stage.fill(sizes.alerts, |n| {
            vec!["LW.ALERT".to_owned(), format!("type{}", n % 100), "{\"n\":1}".to_owned()]
        });
        fill_journal(&stage, sizes.events / 10);
        stage.with_replica()
    };
    Scene {
        name: "a replica with full queues",
        prepare,
        rows: vec![
            replicated("LW._ALERTS that adds one", "LW.ALERT own {}"),
            replicated("LW._ALERTS that removes all", "LW.ALERTS DISCARD ALL"),
            replicated("LW._CELL", "CL.THROTTLE k 9 10 60"),
            replicated("LW._AUDIT that adds one", "LW.AUDIT USER own"),
            replicated("LW._AUDIT that removes all", "LW.PURGE CONFIRM"),
            replicated("LW._POLICY", "LW.POLICY SET p 1 1h"),
        ],
    }
}
