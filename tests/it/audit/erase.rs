//! LW.AUDITLOG ERASE: the events of one user leave the journal, the dead letters and a real
//! Postgres, and nobody else's do.

use std::thread;

use super::load::Acknowledged;
use super::{pair, scaled};
use crate::support::audits::Event;
use crate::support::postgres::Postgres;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Client, Server, Value, wait_until};

/// The person who is erased. No other text in a test contains this.
const PERSON: &str = "alice@example.org";

/// What LW.AUDITLOG ERASE replied.
#[derive(Debug, PartialEq)]
struct Erased {
    journal: i64,
    dead: i64,
    postgres: Option<i64>,
    event: String,
}

impl Erased {
    #[track_caller]
    fn of(value: &Value) -> Self {
        let postgres = match value.field("postgres") {
            Value::Nil => None,
            rows => Some(rows.int()),
        };
        Self {
            journal: value.field("journal").int(),
            dead: value.field("dead").int(),
            postgres,
            event: value.field("event").text(),
        }
    }

    fn counts(&self) -> (i64, i64, Option<i64>) {
        (self.journal, self.dead, self.postgres)
    }
}

#[track_caller]
fn erase(client: &mut Client, user: &str) -> Erased {
    Erased::of(&client.call(&["LW.AUDITLOG", "ERASE", "USER", user, "BY", "request 17"]))
}

/// The number of rows of a user.
#[track_caller]
fn rows_of(postgres: &Postgres, user: &str) -> i64 {
    postgres.number("audit", &format!("SELECT count(*) FROM lockwatch_audit_log WHERE user_id = '{user}'"))
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.clone()).collect()
}

/// The ids of all events of a user, newest first, page by page: a page is bounded by bytes as well.
#[track_caller]
fn all_of(client: &mut Client, user: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let mut line = format!("USER {user} COUNT 10000");
        if let Some(last) = all.last() {
            line += &format!(" BEFORE {last}");
        }
        let page = ids(&client.audit_log(&line));
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Makes Postgres refuse the events with the status 500 as data.
fn refuse_status_500(postgres: &Postgres) {
    postgres.sql(
        "audit",
        "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT no_500 CHECK (status_code <> 500) NOT VALID",
    );
}

#[test]
fn the_events_of_one_user_leave_postgres_and_the_dead_letters_and_no_others_do() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    refuse_status_500(&postgres);
    for n in 0..1500 {
        client.audit(&format!("USER {PERSON} STATUS {}", if n % 500 == 7 { 500 } else { 200 }));
        if n % 5 == 0 {
            client.audit("USER bob STATUS 200");
        }
    }
    client.audit("USER bob STATUS 500");
    // Rows of another day, and of another server.
    let day = "2026-01-02";
    postgres.sql(
        "audit",
        &format!(
            "CREATE TABLE older PARTITION OF lockwatch_audit_log FOR VALUES FROM ('{day}') TO ('{day}'::date + 1); \
             INSERT INTO lockwatch_audit_log (timestamp, kind, user_id, rate_limit_hit, anomaly_detected, epoch, seq) \
             SELECT '{day} 12:00', 'request', u, false, false, -7, n * 1000000 + length(u) \
             FROM generate_series(1, 1200) n, unnest(ARRAY['{PERSON}', 'bob', '{PERSON}x']) u"
        ),
    );
    client.wait_until_shipped();
    let bob = rows_of(&postgres, "bob");
    assert_eq!(client.dead_events().len(), 4);
    let erased = erase(&mut client, PERSON);
    assert_eq!(erased.counts(), (0, 3, Some(1497 + 1200)));
    assert_eq!(rows_of(&postgres, PERSON), 0);
    assert_eq!((rows_of(&postgres, "bob"), rows_of(&postgres, &format!("{PERSON}x"))), (bob, 1200));
    let dead = client.dead_events();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].event.user_id.as_deref(), Some("bob"));
    assert_eq!(client.audit_log(&format!("USER {PERSON}")), []);
    assert_eq!(client.audit_info("erased_total"), 3 + 1497 + 1200);
    // Again there is nothing to do.
    assert_eq!(erase(&mut client, PERSON).counts(), (0, 0, Some(0)));
}

#[test]
fn an_event_records_the_erasure_and_does_not_name_the_person() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.run("ACL SETUSER officer on nopass ~* &* +@all");
    client.audit(&format!("USER {PERSON}"));
    client.run("AUTH officer any");
    let erased = erase(&mut client, PERSON);
    let events = client.audit_log("KIND audit.erased");
    assert_eq!(ids(&events), [erased.event]);
    let data = events[0].data.clone().unwrap();
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    let expected = serde_json::json!(
        {"journal": 0, "dead": 0, "postgres": 1, "by": "request 17", "acl_user": "officer"}
    );
    assert_eq!(data, expected);
    assert_eq!(events[0].user_id, None);
    client.wait_until_shipped();
    let rows = postgres.sql("audit", "SELECT l::text FROM lockwatch_audit_log l");
    assert_eq!(rows.len(), 1);
    assert!(!rows[0][0].contains("alice"), "{rows:?}");
    let refused = client.run("LW.AUDIT KIND audit.erased USER a");
    assert!(refused.error().contains("is the module's own"), "{refused:?}");
}

#[test]
fn without_a_database_the_events_leave_the_journal() {
    let server = Server::start();
    let mut client = server.client();
    let calls: Vec<Vec<String>> = (0..6000)
        .map(|n| {
            let user = if n % 3 == 0 || (1000..3500).contains(&n) { PERSON } else { "bob" };
            ["LW.AUDIT", "USER", user].map(str::to_owned).to_vec()
        })
        .collect();
    let theirs = calls.iter().filter(|call| call[2] == PERSON).count() as i64;
    assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
    let bob = all_of(&mut client, "bob");
    let erased = erase(&mut client, PERSON);
    assert_eq!(erased.counts(), (theirs, 0, None));
    assert_eq!(client.audit_log(&format!("USER {PERSON}")), []);
    assert_eq!(all_of(&mut client, "bob"), bob);
    assert_eq!(client.audit_info("events"), 6000 - theirs + 1, "the rest, and the event of the erasure");
    assert!(ids(&client.audit_log("KIND audit.erased")).contains(&erased.event));
}

#[test]
fn the_reply_is_a_map_in_resp3_and_a_flat_array_in_resp2() {
    let server = Server::start();
    let mut client = server.client();
    client.audit(&format!("USER {PERSON}"));
    let flat = client.run(&format!("LW.AUDITLOG ERASE USER {PERSON}"));
    assert_eq!(flat.items().len(), 8);
    assert_eq!(Erased::of(&flat).counts(), (1, 0, None));
    client.run("HELLO 3");
    let map = client.run(&format!("LW.AUDITLOG ERASE USER {PERSON}"));
    let Value::Map(pairs) = &map else { panic!("{map:?}") };
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.text()).collect();
    assert_eq!(names, ["journal", "dead", "postgres", "event"]);
    assert_eq!(Erased::of(&map).counts(), (0, 0, None));
}

#[test]
fn a_user_with_any_bytes_is_erased() {
    let (postgres, server) = pair();
    let mut client = server.client();
    let long = [b'x'; 1000];
    for user in [&b""[..], b"a\0b", b"back\\slash", "\u{43a}\u{43b}".as_bytes(), b"\xff'; --", &long] {
        client.audit_bytes(&[b"USER", user]);
        client.audit_bytes(&[b"USER", user]);
        client.audit("USER bob");
        let erased = Erased::of(&client.call(&[b"LW.AUDITLOG", &b"ERASE"[..], b"USER", user]));
        assert_eq!(erased.counts(), (0, 0, Some(2)), "{user:?}");
    }
    client.wait_until_shipped();
    assert_eq!(rows_of(&postgres, "bob"), 6);
}

#[test]
fn an_erasure_under_load_takes_what_came_before_it_and_leaves_what_came_after() {
    let (postgres, server) = pair();
    server.client().set("audit-batch", "100");
    let acknowledged = Acknowledged::default();
    // Of the clients of the load, `load.0` is the person.
    acknowledged.record_during(server.address(), 3, "load", || {
        for _ in 0..scaled(5, 30) {
            acknowledged.wait_for_more(1000);
            let before = acknowledged.of("load.0");
            let mut client = server.client();
            client.send(&["LW.AUDITLOG", "ERASE", "USER", "load.0"]);
            acknowledged.wait_for_more(200);
            let erased = Erased::of(&client.read());
            assert!(erased.postgres.unwrap() > 0, "{erased:?}");
            let seq = |id: &str| id.rsplit('-').next().unwrap().parse::<u64>().unwrap();
            let left = postgres.sql(
                "audit",
                "SELECT coalesce(min(seq), 9000000000) FROM lockwatch_audit_log WHERE user_id = 'load.0'",
            );
            let left: u64 = left[0][0].parse().unwrap();
            let latest = before.iter().map(|id| seq(id)).max().unwrap();
            assert!(left > latest, "{left} was recorded before the command, as was {latest}");
            acknowledged.forget("load.0", |id| seq(id) < left);
        }
    });
    let mut client = server.client();
    client.wait_until_shipped();
    // Everybody else's events, and those after the last erasure, are there once.
    acknowledged.assert_arrived(&postgres, "audit");
    erase(&mut client, "load.0");
    assert_eq!(rows_of(&postgres, "load.0"), 0);
    assert!(rows_of(&postgres, "load.1") > 0);
}

#[test]
fn events_recorded_while_an_erasure_runs_stay() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    (0..50).for_each(|_| drop(client.audit(&format!("USER {PERSON}"))));
    client.wait_until_shipped();
    // The deletion waits for a lock, and the shipper does not.
    let mut session = postgres.session("audit");
    session.run("BEGIN; SELECT 1 FROM lockwatch_audit_log WHERE seq = 1 FOR UPDATE");
    let mut waiting = server.client();
    waiting.send(&["LW.AUDITLOG", "ERASE", "USER", PERSON]);
    wait_until("the deletion waits for the row", || {
        postgres.number("audit", "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0
    });
    let later = client.audit(&format!("USER {PERSON}"));
    client.wait_until_shipped();
    let busy = client.run("LW.AUDITLOG ERASE USER bob");
    assert!(busy.error().starts_with("LWBUSY"), "{busy:?}");
    session.run("COMMIT");
    assert_eq!(Erased::of(&waiting.read()).counts(), (0, 0, Some(50)));
    assert_eq!(ids(&client.audit_log(&format!("USER {PERSON}"))), [later]);
}

#[test]
fn a_batch_in_flight_is_waited_for() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    // The shipper has a batch and waits for a lock.
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN SHARE MODE");
    (0..100).for_each(|_| drop(client.audit(&format!("USER {PERSON}"))));
    wait_until("the batch waits for the lock", || {
        postgres.number("audit", "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0
    });
    let mut waiting = server.client();
    waiting.send(&["LW.AUDITLOG", "ERASE", "USER", PERSON]);
    wait_until("the erasure has begun", || client.info("clients").number("blocked_clients") == 1);
    session.run("COMMIT");
    assert_eq!(Erased::of(&waiting.read()).counts(), (0, 0, Some(100)));
    client.wait_until_shipped();
    assert_eq!(rows_of(&postgres, PERSON), 0);
}

#[test]
fn while_postgres_is_down_nothing_is_erased() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    refuse_status_500(&postgres);
    client.audit(&format!("USER {PERSON} STATUS 500"));
    client.wait_until_shipped();
    postgres.stop();
    client.audit(&format!("USER {PERSON}"));
    let answer = client.run(&format!("LW.AUDITLOG ERASE USER {PERSON}"));
    let message = answer.error();
    assert!(message.starts_with("LWUNAVAILABLE Postgres can't erase now: "), "{message}");
    assert!(message.ends_with("nothing was erased"), "{message}");
    assert_eq!((client.audit_info("events"), client.audit_info("dead")), (1, 1));
    postgres.start_again();
    client.wait_until_shipped();
    assert_eq!(erase(&mut client, PERSON).counts(), (0, 1, Some(1)));
}

#[test]
fn a_role_without_the_right_to_delete_erases_nothing_and_the_error_says_what_is_missing() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit(&format!("USER {PERSON}"));
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "CREATE ROLE writer LOGIN PASSWORD 'p'; GRANT USAGE, CREATE ON SCHEMA public TO writer; \
         GRANT SELECT, INSERT ON lockwatch_audit_log, lockwatch_schema TO writer",
    );
    let url = format!("postgres://writer:p@{}/audit", postgres.address());
    client.set("postgres-url-file", &postgres.file_with(&url));
    let answer = client.run(&format!("LW.AUDITLOG ERASE USER {PERSON}"));
    let message = answer.error();
    assert!(message.contains("lacks SELECT or DELETE on a partition"), "{message}");
    assert!(message.ends_with("nothing was erased"), "{message}");
    assert!(!message.contains("writer"), "{message}");
    assert_eq!(rows_of(&postgres, PERSON), 1);
}

#[test]
fn a_server_that_holds_its_deliveries_back_erases_nothing_in_postgres() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit(&format!("USER {PERSON}"));
    client.wait_until_shipped();
    client.set("ship", "no");
    client.audit(&format!("USER {PERSON}"));
    let answer = client.run(&format!("LW.AUDITLOG ERASE USER {PERSON}"));
    let message = answer.error();
    assert!(message.starts_with("LWUNAVAILABLE lockwatch.ship is no"), "{message}");
    assert_eq!((client.audit_info("events"), rows_of(&postgres, PERSON)), (1, 1));
    // As the error says: without the database it erases here alone.
    client.set("postgres-url-file", "");
    assert_eq!(erase(&mut client, PERSON).counts(), (1, 0, None));
    assert_eq!(rows_of(&postgres, PERSON), 1);
}

#[test]
fn many_partitions_need_few_locks() {
    let postgres = Postgres::builder()
        .config("max_locks_per_transaction = 10")
        .config("max_connections = 12")
        .config("max_wal_senders = 0")
        .start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    client.audit(&format!("USER {PERSON}"));
    client.wait_until_shipped();
    for from in (0..400).step_by(20) {
        postgres.sql(
            "audit",
            &format!(
                "DO $$ BEGIN FOR n IN {from}..{from} + 19 LOOP EXECUTE format('CREATE TABLE \"day %s\" PARTITION OF \
                 lockwatch_audit_log FOR VALUES FROM (%L) TO (%L)', n, '2001-01-01'::date + n, \
                 '2001-01-01'::date + n + 1); END LOOP; END $$"
            ),
        );
    }
    postgres.sql(
        "audit",
        &format!(
            "INSERT INTO \"day 399\" (timestamp, kind, user_id, rate_limit_hit, anomaly_detected, epoch, seq) \
             VALUES ('2001-01-01'::date + 399, 'request', '{PERSON}', false, false, -7, 1)"
        ),
    );
    let all =
        postgres.try_sql("audit", &format!("DELETE FROM lockwatch_audit_log WHERE user_id = '{PERSON}'"));
    assert!(all.unwrap_err().contains("out of shared memory"), "the table has few partitions for this test");
    assert_eq!(erase(&mut client, PERSON).counts(), (0, 0, Some(2)));
}

#[test]
fn a_replica_removes_the_same_events() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).config("appendonly yes").start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let calls: Vec<_> =
        (0..3000).map(|n| ["LW.AUDIT", "USER", if n % 2 == 0 { PERSON } else { "bob" }]).collect();
    assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = primary.client();
            (0..500).for_each(|_| drop(other.audit(&format!("USER {PERSON}"))));
        });
        let erased = erase(&mut client, PERSON);
        assert!(erased.journal >= 1500, "{erased:?}");
    });
    primary.wait_for_replica(&replica);
    let all = |client: &mut Client| [all_of(client, PERSON), all_of(client, "bob")];
    let left = all(&mut client);
    let mut there = replica.client();
    assert_eq!(all(&mut there), left);
    assert!(left[0].len() <= 500 && left[1].len() == 1500, "{} and {}", left[0].len(), left[1].len());
    // The replica's own AOF holds the same. It is begun anew after the full sync.
    there.wait_for_aof_rewrite();
    there.run("DEBUG LOADAOF");
    assert_eq!(all(&mut there), left);
}

#[test]
fn after_a_rewrite_no_file_holds_the_person() {
    let mut server = Server::builder()
        .config("appendonly yes")
        .config("aof-use-rdb-preamble no")
        .config("loglevel debug")
        .config("slowlog-log-slower-than 0")
        .start();
    let mut client = server.client();
    client.audit("USER bob");
    client.audit(&format!("USER {PERSON}"));
    let mut monitor = server.client();
    monitor.run("MONITOR");
    erase(&mut client, PERSON);
    client.run("PING monitor-end");
    let mut seen = Vec::new();
    loop {
        let line = monitor.read().text();
        let ends = line.contains("monitor-end");
        seen.push(line);
        if ends {
            break;
        }
    }
    for line in ["SLOWLOG GET 1000", "CLIENT LIST", "INFO everything", "ACL LOG", "LATENCY LATEST"] {
        seen.push(format!("{:?}", client.run(line)));
    }
    client.run("BGREWRITEAOF");
    client.wait_for_aof_rewrite();
    client.run("SAVE");
    server.stop();
    seen.push(server.log());
    seen.push(String::from_utf8_lossy(&std::fs::read(server.dir().join("dump.rdb")).unwrap()).into_owned());
    let mut found_bob = false;
    for entry in std::fs::read_dir(server.aof_dir()).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        found_bob |= text.contains("bob");
        seen.push(text);
    }
    assert!(found_bob, "the search finds what is there");
    for text in &seen {
        assert!(!text.contains("alice"), "{text}");
    }
}

#[test]
fn a_kill_in_the_middle_leaves_an_erasure_that_can_be_repeated() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let proxy = Proxy::to(postgres.address());
    let url = postgres.url_at(proxy.address(), "audit");
    let mut server = Server::builder()
        .shipping_to_url(&postgres, &url)
        .config("appendonly yes")
        .config("appendfsync always")
        .start();
    let mut client = server.client();
    for n in 0..2500 {
        client.audit(&format!("USER {}", if n % 5 == 0 { "bob" } else { PERSON }));
    }
    client.wait_until_shipped();
    // The first portion is deleted, and its answer is held back.
    let mut session = postgres.session("audit");
    session.run(&format!(
        "BEGIN; SELECT 1 FROM lockwatch_audit_log WHERE user_id = '{PERSON}' ORDER BY seq DESC LIMIT 1 FOR UPDATE"
    ));
    let mut waiting = server.client();
    waiting.send(&["LW.AUDITLOG", "ERASE", "USER", PERSON]);
    wait_until("the deletion waits for the row", || {
        postgres.number("audit", "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0
    });
    proxy.set(Way::HoldAnswers);
    client.audit(&format!("USER {PERSON}"));
    server.kill();
    session.run("COMMIT");
    proxy.set(Way::Closed);
    proxy.set(Way::Open);
    server.start_again();
    let mut client = server.client();
    assert_eq!(client.audit_log("KIND audit.erased"), [], "an erasure that did not end is not recorded");
    assert!(erase(&mut client, PERSON).postgres.unwrap() > 0);
    assert_eq!((rows_of(&postgres, PERSON), rows_of(&postgres, "bob")), (0, 500));
    client.wait_until_shipped();
    assert_eq!((rows_of(&postgres, PERSON), rows_of(&postgres, "bob")), (0, 500));
}

#[test]
fn a_kill_while_the_journal_is_erased_loses_no_other_event() {
    let mut server = Server::builder().config("appendonly yes").config("appendfsync always").start();
    for round in 0..scaled(3, 20) {
        let mut client = server.client();
        let calls: Vec<_> =
            (0..5000).map(|n| ["LW.AUDIT", "USER", if n % 2 == 0 { PERSON } else { "bob" }]).collect();
        assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
        client.send(&["LW.AUDITLOG", "ERASE", "USER", PERSON]);
        let mut other = server.client();
        let whole = other.audit_info("events");
        wait_until("some of it is erased", || other.audit_info("events") < whole || round % 2 == 1);
        server.kill();
        server.start_again();
        let mut client = server.client();
        let bob = all_of(&mut client, "bob").len();
        assert_eq!(bob, 2500 * (round + 1));
        erase(&mut client, PERSON);
        assert_eq!(client.audit_log(&format!("USER {PERSON}")), []);
        assert_eq!(all_of(&mut client, "bob").len(), bob);
    }
}

#[test]
fn a_demotion_in_the_middle_ends_the_erasure() {
    let (postgres, server) = pair();
    let other = Server::start();
    let mut client = server.client();
    client.audit(&format!("USER {PERSON}"));
    client.wait_until_shipped();
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN SHARE MODE");
    let mut waiting = server.client();
    waiting.send(&["LW.AUDITLOG", "ERASE", "USER", PERSON]);
    wait_until("the erasure has begun", || client.info("clients").number("blocked_clients") == 1);
    client.run(&format!("REPLICAOF 127.0.0.1 {}", other.address().port()));
    assert!(waiting.read().is_error());
    session.run("ROLLBACK");
    client.run("REPLICAOF NO ONE");
    wait_until("another erasure can begin", || {
        !client.run(&format!("LW.AUDITLOG ERASE USER {PERSON}")).is_error()
    });
    assert_eq!(rows_of(&postgres, PERSON), 0);
}

#[test]
fn a_client_that_disconnects_does_not_end_the_erasure() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit(&format!("USER {PERSON}"));
    client.wait_until_shipped();
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN SHARE MODE");
    let mut waiting = server.client();
    waiting.send(&["LW.AUDITLOG", "ERASE", "USER", PERSON]);
    wait_until("the erasure has begun", || client.info("clients").number("blocked_clients") == 1);
    drop(waiting);
    session.run("ROLLBACK");
    wait_until("the erasure is recorded", || client.audit_log("KIND audit.erased").len() == 1);
    assert_eq!(rows_of(&postgres, PERSON), 0);
}

#[test]
fn transactions_scripts_replicas_and_other_users_are_refused() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).config("replica-read-only no").start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.audit(&format!("USER {PERSON}"));
    let line = format!("LW.AUDITLOG ERASE USER {PERSON}");
    let answers = client.multi(&[&line]).unwrap();
    let message = answers[0].error();
    assert!(message.starts_with("LWUNAVAILABLE ") && message.contains("MULTI and scripts"), "{message}");
    let script = "return redis.call('LW.AUDITLOG', 'ERASE', 'USER', ARGV[1])";
    assert!(client.call(&["EVAL", script, "0", PERSON]).error().contains("LWUNAVAILABLE"));
    assert!(replica.client().run(&line).error().starts_with("READONLY"));
    for line in ["LW.AUDITLOG ERASE", "LW.AUDITLOG ERASE alice", "LW.AUDITLOG ERASE USER a BY"] {
        assert!(client.run(line).error().starts_with("ERR"), "{line}");
    }
    client.run("ACL SETUSER app on nopass ~* &* +@all -@admin -@dangerous -lw.auditlog|erase");
    client.run("AUTH app any");
    assert!(client.run(&line).error().starts_with("NOPERM"));
    primary.client().run("LW.AUDITLOG QUERY");
    assert_eq!(primary.client().audit_log("").len(), 1);
}

#[test]
fn it_is_documented_and_flagged() {
    let server = Server::start();
    let mut client = server.client();
    let container = client.run("COMMAND DOCS LW.AUDITLOG");
    let docs = container.field("LW.AUDITLOG").field("subcommands").field("LW.AUDITLOG|ERASE").clone();
    assert!(docs.field("summary").text().ends_with('.'));
    let arguments = docs.field("arguments").items().to_vec();
    let tokens: Vec<_> = arguments.iter().map(|argument| argument.field("token").text()).collect();
    assert_eq!(tokens, ["USER", "BY"]);
    let help = client.run("LW.AUDITLOG HELP").texts();
    assert!(help.iter().any(|line| line == "ERASE USER id [BY text]"), "{help:?}");
    let info = client.run("COMMAND INFO LW.AUDITLOG|ERASE").items()[0].items().to_vec();
    let flags = info[2].texts();
    // Valkey renamed the flag `skip_slowlog` to `skip_commandlog`.
    let is_hidden = flags.iter().any(|its| its == "skip_slowlog" || its == "skip_commandlog");
    assert!(is_hidden, "{flags:?}");
    for flag in ["write", "admin", "skip_monitor"] {
        assert!(flags.iter().any(|its| its == flag), "{flag} in {flags:?}");
    }
    if server.is_at_least((7, 2), (7, 2)) {
        let categories = info[6].texts();
        for category in ["@admin", "@dangerous", "@write"] {
            assert!(categories.iter().any(|its| its == category), "{category} in {categories:?}");
        }
    }
}
