//! LW.AUDITLOG QUERY compared with SQL on the same rows: filters, pages, and queries while events
//! are shipped.

use std::collections::BTreeSet;

use super::load::Acknowledged;
use super::{pair, scaled};
use crate::support::audits::Event;
use crate::support::postgres::Postgres;
use crate::support::{Client, Random, Server, wait_until};

/// Records random events, some of them with an explicit time.
fn fill(client: &mut Client, random: &mut Random, count: usize) {
    let users = ["alice", "bob", "eve%", "a_b", r"c\d", "ключ", "o'neil"];
    let addresses =
        ["10.0.0.1", "10.0.1.7", "10.9.0.1", "192.0.2.1", "2001:db8::1", "2001:db9::1", "::ffff:10.0.0.1"];
    let paths = ["/api", "/api/items", "/api/items/7", "/api_x", "/api%2F", "/login", "/"];
    let kinds = ["request", "login", "logout", "order.paid", "order.sent", "orders", "log_x"];
    let methods = ["GET", "get", "POST", "M-SEARCH"];
    let statuses = ["200", "404", "429", "599"];
    let mut calls = Vec::new();
    for n in 0..count {
        let mut call: Vec<String> = vec!["LW.AUDIT".into(), "DATA".into(), format!("{{\"n\":{n}}}")];
        let mut add = |name: &str, value: &str| call.extend([name.to_owned(), value.to_owned()]);
        if !random.one_in(4) {
            add("USER", users[random.below(users.len())]);
        }
        if !random.one_in(4) {
            add("IP", addresses[random.below(addresses.len())]);
        }
        if !random.one_in(4) {
            add("ENDPOINT", paths[random.below(paths.len())]);
        }
        if !random.one_in(2) {
            add("KIND", kinds[random.below(kinds.len())]);
        }
        if random.one_in(3) {
            let base = 1_700_000_000_000 + random.within(0..=5) * 43_200_000;
            add("TIME", &(base + random.within(0..=3)).to_string());
        }
        if !random.one_in(3) {
            add("STATUS", statuses[random.below(statuses.len())]);
        }
        if !random.one_in(3) {
            add("METHOD", methods[random.below(methods.len())]);
        }
        if random.one_in(3) {
            add("LATENCY", &format!("{n}ms"));
        }
        if random.one_in(3) {
            call.push("LIMITED".into());
        }
        if random.one_in(3) {
            call.push("ANOMALY".into());
        }
        calls.push(call);
    }
    for calls in calls.chunks(500) {
        assert!(client.pipeline(calls).iter().all(|answer| !answer.is_error()));
    }
}

/// A random query: the arguments of LW.AUDITLOG QUERY, and the same condition in SQL.
fn random_query(random: &mut Random) -> (Vec<String>, String) {
    let (mut words, mut conditions) = (Vec::new(), vec!["true".to_owned()]);
    let mut filter = |name: &str, value: &str, condition: String| {
        words.push(name.to_owned());
        if !value.is_empty() {
            words.push(value.to_owned());
        }
        conditions.push(condition);
    };
    if random.one_in(3) {
        let kind =
            *random.pick(&["request", "login", "nothing", "order.*", "log*", "log_*", "order.paid*", "*"]);
        let condition = match kind.strip_suffix('*') {
            Some(prefix) => format!("starts_with(kind, '{prefix}')"),
            None => format!("kind = '{kind}'"),
        };
        filter("KIND", kind, condition);
    }
    if random.one_in(4) {
        let method = *random.pick(&["GET", "get", "POST", "M-SEARCH", "PUT"]);
        filter("METHOD", method, format!("method = '{method}'"));
    }
    if random.one_in(4) {
        let status = *random.pick(&["200", "404", "429", "599", "100"]);
        filter("STATUS", status, format!("status_code = {status}"));
    }
    if random.one_in(3) {
        let (user, stored) = *random.pick(&[
            ("alice", "alice"),
            ("eve%", "eve%"),
            ("a_b", "a_b"),
            (r"c\d", r"c\x5cd"),
            ("ключ", "ключ"),
            ("o'neil", "o''neil"),
        ]);
        filter("USER", user, format!("user_id = '{stored}'"));
    }
    if random.one_in(3) {
        let network = *random.pick(&[
            "10.0.0.1",
            "10.0.0.0/8",
            "10.0.1.3/16",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "192.0.2.1/32",
            "::ffff:10.0.0.0/120",
        ]);
        filter("IP", network, format!("ip <<= '{network}'"));
    }
    if random.one_in(3) {
        let prefix = *random.pick(&["/", "/api", "/api/", "/api/items/7", "/api_", "/api%", "x"]);
        filter("ENDPOINT", prefix, format!("starts_with(endpoint, '{prefix}')"));
    }
    if random.one_in(4) {
        let from = 1_700_000_000_000 + random.within(0..=6) * 43_200_000;
        filter("FROM", &from.to_string(), format!("timestamp >= to_timestamp({from} / 1000.0)"));
    }
    if random.one_in(4) {
        let to = 1_700_000_000_001 + random.within(0..=6) * 43_200_000;
        filter("TO", &to.to_string(), format!("timestamp <= to_timestamp({to} / 1000.0)"));
    }
    if random.one_in(4) {
        filter("LIMITED", "", "rate_limit_hit".into());
    }
    if random.one_in(4) {
        filter("ANOMALY", "", "anomaly_detected".into());
    }
    (words, conditions.join(" AND "))
}

/// All matching events, queried in pages of `count`.
#[track_caller]
fn in_pages(client: &mut Client, words: &[String], count: usize) -> Vec<Event> {
    in_pages_while(client, words, count, || {})
}

/// Like [`in_pages`], but calls `between` after each page except the last.
#[track_caller]
fn in_pages_while(client: &mut Client, words: &[String], count: usize, between: impl Fn()) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let mut call = vec!["LW.AUDITLOG".to_owned(), "QUERY".into(), "COUNT".into(), count.to_string()];
        call.extend(words.iter().cloned());
        if let Some(last) = all.last() {
            call.extend(["BEFORE".into(), last.id.clone()]);
        }
        let page = client.events(&call);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
        between();
    }
}

#[track_caller]
fn assert_agrees_with_sql(client: &mut Client, postgres: &Postgres, random: &mut Random, queries: usize) {
    for _ in 0..queries {
        let (words, condition) = random_query(random);
        let rows = postgres.sql(
            "audit",
            &format!(
                "SELECT event_id(l), kind, user_id, host(ip), endpoint, status_code, rate_limit_hit, latency_ms, data \
                 FROM lockwatch_audit_log l WHERE {condition} ORDER BY timestamp DESC, epoch DESC, seq DESC"
            ),
        );
        let events = in_pages(client, &words, random.within(1..=400) as usize + rows.len() / 20);
        assert_eq!(events.len(), rows.len(), "{words:?}");
        for (event, row) in events.iter().zip(&rows) {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            assert_eq!(event.id, row[0], "{words:?}");
            assert_eq!(
                [&event.kind, &text(&event.user_id), &text(&event.ip), &text(&event.endpoint)],
                [&row[1], &row[2], &row[3], &row[4]]
            );
            assert_eq!(event.status_code.map_or(String::new(), |status| status.to_string()), row[5]);
            assert_eq!(event.rate_limit_hit, row[6] == "t");
            assert_eq!(text(&event.latency_ms), row[7]);
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(json(&text(&event.data)), json(&row[8]));
        }
    }
}

#[test]
fn every_filter_agrees_with_sql() {
    let mut random = Random::new();
    let (postgres, server) = pair();
    let mut client = server.client();
    fill(&mut client, &mut random, 3000);
    client.wait_until_shipped();
    assert_agrees_with_sql(&mut client, &postgres, &mut random, scaled(60, 600));
}

#[test]
fn queries_of_the_journal_alone_agree_with_sql() {
    let mut random = Random::new();
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let journal = Server::builder().any_age().start();
    let mut client = journal.client();
    fill(&mut client, &mut random, 3000);
    // A promoted replica ships the same events, and the first server still has them in its journal.
    let shipping = Server::builder().shipping_to(&postgres, "audit").replica_of(&journal).start();
    journal.wait_for_replica(&shipping);
    shipping.client().run("REPLICAOF NO ONE");
    shipping.client().wait_until_shipped();
    assert_agrees_with_sql(&mut client, &postgres, &mut random, scaled(60, 600));
}

#[test]
fn a_partly_shipped_log_is_queried_as_one() {
    let mut random = Random::new();
    let (postgres, server) = pair();
    let mut client = server.client();
    fill(&mut client, &mut random, 1000);
    client.wait_until_shipped();
    client.set("ship", "no");
    fill(&mut client, &mut random, 1000);
    // The answer does not depend on which events are already shipped.
    let before = in_pages(&mut client, &[], 77);
    assert_eq!((before.len(), client.audit_info("pending")), (2000, 1000));
    client.set("ship", "yes");
    client.wait_until_shipped();
    let after = in_pages(&mut client, &[], 77);
    let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after));
    assert_agrees_with_sql(&mut client, &postgres, &mut random, 10);
}

#[test]
fn a_local_query_asks_the_journal_alone() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER shipped");
    client.wait_until_shipped();
    client.set("ship", "no");
    client.audit("USER waits");
    client.audit("USER waits STATUS 500");
    assert_eq!(client.audit_log("").len(), 3);
    assert_eq!(client.audit_log("LOCAL").len(), 2);
    // Not even when it could not be asked.
    postgres.stop();
    assert_eq!(client.audit_log("LOCAL STATUS 500").len(), 1);
    assert!(client.run("LW.AUDITLOG QUERY").error().starts_with("LWUNAVAILABLE"));
    // Scripts may do that, too.
    let script = "return #redis.call('LW.AUDITLOG', 'QUERY', 'LOCAL')";
    assert_eq!(client.call(&["EVAL", script, "0"]).int(), 2);
    let script = "return redis.pcall('LW.AUDITLOG', 'QUERY')";
    let why = client.call(&["EVAL", script, "0"]);
    assert!(why.error().contains("LOCAL asks the journal alone"), "{why:?}");
}

#[test]
fn paging_while_events_are_shipped_misses_none() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.set("audit-batch", "200");
    let count = scaled(20_000, 1_000_000);
    let acknowledged = Acknowledged::default();
    acknowledged.record_during(server.address(), 3, "load", || {
        acknowledged.wait_for_more(count);
        for _ in 0..scaled(3, 1) {
            let known = acknowledged.ids();
            let seen = in_pages_while(&mut client, &[], 1000, || acknowledged.wait_for_more(20));
            let ids: BTreeSet<_> = seen.iter().map(|event| event.id.clone()).collect();
            assert_eq!(ids.len(), seen.len(), "an event was listed twice");
            let missed = known.iter().filter(|id| !ids.contains(*id)).count();
            assert_eq!(missed, 0, "of {}", known.len());
        }
    });
    client.wait_until_shipped();
    acknowledged.assert_arrived(&postgres, "audit");
}

#[test]
fn a_query_fails_with_lwunavailable_while_the_database_is_down() {
    let (mut postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    assert_eq!(client.audit_log("").len(), 1);
    postgres.stop();
    client.audit("USER b");
    let answer = client.run("LW.AUDITLOG QUERY");
    assert!(answer.error().starts_with("LWUNAVAILABLE Postgres can't be asked now"), "{answer:?}");
    postgres.start_again();
    wait_until("queries succeed again", || !client.run("LW.AUDITLOG QUERY").is_error());
    assert_eq!(client.audit_log("").len(), 2);
}

#[test]
fn clients_that_disconnect_during_a_query_do_no_harm() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    let mut session = postgres.session("audit");
    session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
    let mut others: Vec<Client> = (0..40).map(|_| server.client()).collect();
    others.iter_mut().for_each(|other| other.send(&["LW.AUDITLOG", "QUERY"]));
    wait_until("the queries are blocked", || client.info("clients").number("blocked_clients") >= 32);
    let busy = client.run("LW.AUDITLOG QUERY");
    assert!(busy.error().starts_with("LWBUSY"), "{busy:?}");
    assert_eq!(client.run("LW.RATELIMIT k 1 60").ints()[0], 0, "other commands are not blocked");
    drop(others);
    session.run("ROLLBACK");
    wait_until("queries succeed again", || !client.run("LW.AUDITLOG QUERY").is_error());
    wait_until("no client is blocked", || client.info("clients").number("blocked_clients") == 0);
}

#[test]
fn queries_by_user_address_path_and_time_use_an_index() {
    // Postgres logs the plans of the module's own queries.
    let postgres = Postgres::builder()
        .config("shared_preload_libraries = 'auto_explain'")
        .config("auto_explain.log_min_duration = 0")
        .start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    let day = 1_699_920_000_000_u64;
    for n in 0..4 {
        client.audit(&format!("USER first TIME {}", day + n * 86_400_000));
    }
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "INSERT INTO lockwatch_audit_log SELECT to_timestamp(1699920000 + n * 0.3455), 'request', 'user' || n % 50000, \
         '10.0.0.0'::inet + n % 100000, '/api/items/' || n % 70000, 'GET', 200, n % 10 = 0, n % 1000 = 0, 1.5, NULL, 1, n \
         FROM generate_series(1, 1000000) n",
    );
    // With a smaller sample the planner sometimes assumes that a path is common.
    postgres.sql("audit", "SET default_statistics_target = 1000; ANALYZE lockwatch_audit_log");
    let queries = [
        ("USER user777", "lockwatch_audit_log_user"),
        ("IP 10.0.3.9", "lockwatch_audit_log_ip"),
        ("IP 10.0.3.0/28", "lockwatch_audit_log_ip"),
        ("ENDPOINT /api/items/6999", "lockwatch_audit_log_endpoint"),
        ("FROM 1700000000000 TO 1700000010000", "lockwatch_audit_log_pkey"),
        ("", "lockwatch_audit_log_pkey"),
        ("USER user777 FROM 1700000000000", "lockwatch_audit_log_user"),
        ("BEFORE 1700000000000-0000000000000001-5", "lockwatch_audit_log_pkey"),
    ];
    for (line, index) in queries {
        let from = postgres.log().len();
        assert!(!client.audit_log(line).is_empty(), "{line}");
        let mut plan = String::new();
        wait_until("the plan is logged", || {
            plan = postgres.log()[from..].to_owned();
            plan.contains("Query Text: SELECT \"timestamp\", epoch")
        });
        // The index of a partition is named after the partition and the columns.
        let suffix = match index {
            "lockwatch_audit_log_user" => "user_id_timestamp_epoch_seq_idx",
            "lockwatch_audit_log_ip" => "ip_timestamp_epoch_seq_idx",
            "lockwatch_audit_log_endpoint" => "endpoint_idx",
            _ => "pkey",
        };
        assert!(plan.contains(suffix), "{line}: no {index} in {plan}");
        assert!(!plan.contains("Seq Scan on lockwatch_audit_log_2023"), "{line}: {plan}");
    }
}

#[test]
fn data_with_large_numbers_stays_within_its_size_limit_when_read_back() {
    let (_postgres, server) = pair();
    let mut client = server.client();
    let many = format!("[{}]", vec!["1e1000"; 2000].join(","));
    client.audit_bytes(&[b"DATA", many.as_bytes()]);
    client.audit_bytes(&[b"DATA", b"[1e400,6.02e23]"]);
    client.wait_until_shipped();
    let data: Vec<_> = client.audit_log("").into_iter().map(|event| event.data.unwrap()).collect();
    assert!(data[0].starts_with("[1000") && data[0].len() < 500, "{}", data[0]);
    assert!(data[1].starts_with("\"[1e1000,") && data[1].len() <= 16_384, "{} bytes", data[1].len());
}
