//! A full journal stays within its bounds, refuses events, and later records a gap event that
//! counts them.

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::{Client, Server, Value, wait_until};

/// Records events until one is refused, and returns the number of accepted events.
fn fill(client: &mut Client, line: &str, most: usize) -> usize {
    let call: Vec<&str> = line.split(' ').collect();
    let mut accepted = 0;
    while accepted < most {
        let calls = vec![call.clone(); 100.min(most - accepted)];
        let answers = client.pipeline(&calls);
        accepted += answers.iter().filter(|answer| !answer.is_error()).count();
        if let Some(refused) = answers.iter().find(|answer| answer.is_error()) {
            assert!(refused.error().starts_with("LWFULL ") && refused.error().contains("audit-max-events"));
            return accepted;
        }
    }
    panic!("{most} events were accepted");
}

/// A server that has shipped one event and whose database is stopped.
fn without_postgres(lines: &[&str]) -> (Postgres, Server) {
    let mut postgres = Postgres::start();
    postgres.create_database("audit");
    let builder = Server::builder().shipping_to(&postgres, "audit");
    let server = lines.iter().fold(builder, |builder, line| builder.config(*line)).start();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    postgres.stop();
    (postgres, server)
}

#[test]
fn a_full_journal_refuses_new_events_and_a_gap_event_counts_them() {
    let (mut postgres, server) = without_postgres(&["lockwatch.audit-max-events 1000"]);
    let mut client = server.client();
    let before = client.run("TIME").texts()[0].parse::<i64>().unwrap() * 1000;
    assert_eq!(fill(&mut client, "LW.AUDIT USER a", 2000), 1000);
    let refused = client.audit_info("refused_total");
    for _ in 0..7 {
        assert!(client.run("LW.AUDIT USER b LIMITED").error().starts_with("LWFULL"));
    }
    assert_eq!(client.audit_info("refused_total"), refused + 7);
    assert_eq!(client.audit_info("gap"), refused + 7);
    // Other commands work while the journal is full.
    assert_eq!(client.run("LW.RATELIMIT k 1 60").ints()[0], 0);
    postgres.start_again();
    client.wait_until_shipped();
    wait_until("the gap event is recorded", || client.audit_info("gaps_total") == 1);
    client.wait_until_shipped();
    let after = client.run("TIME").texts()[0].parse::<i64>().unwrap() * 1000 + 1000;
    assert_eq!(client.audit_info("gap"), 0);
    let rows = postgres.sql(
        "audit",
        "SELECT data->>'count', data->>'limited', data->>'from_ms', data->>'to_ms' FROM lockwatch_audit_log WHERE kind = 'gap'",
    );
    let [row] = &rows[..] else { panic!("not one row for the gap: {rows:?}") };
    assert_eq!(row[..2], [(refused + 7).to_string(), "7".to_owned()]);
    let (from, to) = (row[2].parse::<i64>().unwrap(), row[3].parse::<i64>().unwrap());
    assert!(before <= from && from <= to && to <= after, "{before} {row:?} {after}");
    let stored = postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log WHERE user_id = 'a'");
    assert_eq!(stored, 1000, "no acknowledged event was overwritten");
}

#[test]
fn memory_stays_within_the_bound() {
    let (_postgres, server) = without_postgres(&["lockwatch.audit-max-bytes 4mb"]);
    let mut client = server.client();
    let used = |client: &mut Client| client.info("memory").number("used_memory");
    let before = used(&mut client);
    let long = format!(
        "LW.AUDIT USER {} ENDPOINT /{} DATA \"{}\"",
        "u".repeat(200),
        "e".repeat(900),
        "d".repeat(3000)
    );
    let accepted = fill(&mut client, &long, 10_000);
    let bytes = client.audit_info("bytes");
    assert!(bytes <= 4 << 20 && bytes > (4 << 20) - 20_000, "{bytes} bytes of {accepted} events");
    let grown = used(&mut client) - before;
    assert!(grown < (4 << 20) + (1 << 20), "{grown} bytes for a bound of 4 MB");
    assert!(grown > 3 << 20, "{grown}");
    // The bound includes the overhead of small events.
    for line in ["LW.AUDIT USER a", "LW.AUDIT USER a LIMITED"] {
        let (_postgres, server) = without_postgres(&["lockwatch.audit-max-bytes 4mb"]);
        let mut client = server.client();
        let before = used(&mut client);
        let accepted = fill(&mut client, line, 100_000);
        let grown = used(&mut client) - before;
        assert!(grown < (4 << 20) + (1 << 20), "{grown} bytes for {accepted} events");
    }
}

#[test]
fn denials_never_fill_more_than_half_of_the_journal() {
    let (mut postgres, server) = without_postgres(&["lockwatch.audit-max-events 1000"]);
    let mut client = server.client();
    assert_eq!(fill(&mut client, "LW.AUDIT USER flood LIMITED", 2000), 500);
    let calls = vec![["LW.AUDIT", "USER", "honest"]; 500];
    assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
    assert!(client.run("LW.AUDIT USER honest").error().starts_with("LWFULL"));
    postgres.start_again();
    client.wait_until_shipped();
    // Shipping makes room for denials as well.
    client.audit("USER flood LIMITED");
    wait_until("the gap event is recorded", || client.audit_info("gaps_total") == 1);
    client.wait_until_shipped();
    let gap = postgres
        .sql("audit", "SELECT data->>'count', data->>'limited' FROM lockwatch_audit_log WHERE kind = 'gap'");
    let numbers: Vec<i64> = gap[0].iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers[0], numbers[1] + 1, "all but one were denials");
}

#[test]
fn a_changed_bound_applies_to_new_events_and_overwrites_none() {
    let (_postgres, server) = without_postgres(&[]);
    let mut client = server.client();
    let calls = vec![["LW.AUDIT", "USER", "a"]; 500];
    client.pipeline(&calls);
    client.set("audit-max-events", "100");
    assert!(client.run("LW.AUDIT USER b").error().starts_with("LWFULL"));
    assert_eq!(client.audit_info("pending"), 500, "lowering the bound overwrites no unshipped event");
    client.set("postgres-url-file", "");
    assert!(
        client.run("LW.AUDIT USER b").error().starts_with("LWFULL"),
        "removing the database overwrites no unshipped event"
    );
    assert_eq!(client.audit_info("events"), 500);
    client.set("audit-max-events", "1000");
    assert!(matches!(client.run("LW.AUDIT USER b"), Value::Bulk(_)));
}

#[test]
fn a_gap_survives_a_restart() {
    let (mut postgres, mut server) = without_postgres(&["lockwatch.audit-max-events 100", "appendonly yes"]);
    let mut client = server.client();
    fill(&mut client, "LW.AUDIT USER a", 1000);
    // The gap is written to the AOF within a second.
    let answers = client.pipeline(&[&["LW.AUDIT", "USER", "a"][..], &["INFO", "persistence"]]);
    assert!(answers[0].is_error());
    let changes = |text: &str| text.lines().find(|line| line.starts_with("rdb_changes")).map(str::to_owned);
    let before = changes(&answers[1].text());
    wait_until("the gap is written", || changes(&client.run("INFO persistence").text()) != before);
    let refused = client.audit_info("refused_total");
    server.stop();
    server.start_again();
    assert_eq!(server.client().audit_info("gap"), refused);
    postgres.start_again();
    let mut client = server.client();
    wait_until("the gap event is recorded", || client.audit_info("gaps_total") == 1);
}

#[test]
fn a_refused_event_writes_nothing_once_the_gap_is_written() {
    let (_postgres, server) = without_postgres(&["lockwatch.audit-max-events 100"]);
    let mut client = server.client();
    fill(&mut client, "LW.AUDIT USER a", 1000);
    wait_until("the gap is written and replicated", || {
        let before = client.footprint();
        let answers = client.pipeline(&[["LW.AUDIT", "USER", "b"]; 1]);
        assert!(answers[0].is_error());
        client.footprint() == before
    });
}

#[test]
fn shipping_continues_after_client_pause() {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER a");
    client.wait_until_shipped();
    client.run("CLIENT PAUSE 300 WRITE");
    let mut other = server.client();
    let id = other.audit("USER b");
    client.wait_until_shipped();
    let stored = postgres.sql("audit", "SELECT event_id(l) FROM lockwatch_audit_log l WHERE user_id = 'b'");
    assert_eq!(stored, [[id]]);
}

#[test]
fn at_maxmemory_events_are_refused_and_a_gap_event_counts_them_later() {
    let server = Server::start();
    let mut client = server.client();
    client.audit("USER a");
    client.run("CONFIG SET maxmemory 1");
    assert!(client.run("SET a b").error().starts_with("OOM"));
    let changes = |client: &mut Client| client.info("persistence").number("rdb_changes_since_last_save");
    let before = changes(&mut client);
    for line in ["LW.AUDIT USER a", "LW.AUDIT USER a LIMITED", "LW.AUDIT USER a"] {
        assert!(client.run(line).error().starts_with("LWFULL the server uses nearly all"), "{line}");
    }
    assert_eq!(client.audit_info("refused_total"), 3);
    assert_eq!(client.audit_info("gap"), 3);
    let script = "return redis.pcall('LW.AUDIT', 'USER', 'a').err";
    assert!(client.call(&["EVAL", script, "0"]).text().starts_with("LWFULL "));
    // The gap stays open: an event that reports it would take memory, too.
    wait_until("the size of the gap is replicated", || changes(&mut client) > before);
    assert_eq!((client.audit_info("gap"), client.audit_info("events")), (4, 1));
    client.run("CONFIG SET maxmemory 0");
    wait_until("the gap event is recorded", || client.audit_info("gaps_total") == 1);
    let gap = &client.audit_log("KIND gap")[0];
    let data = gap.data.as_deref().unwrap();
    assert!(data.contains(r#""count":4,"limited":1"#), "{data}");
    client.audit("USER a");
}

#[test]
fn journals_evict_no_key_of_a_full_cache() {
    let server = Server::builder().config("maxmemory-policy allkeys-lru").start();
    let mut client = server.client();
    client.run("CONFIG SET maxmemory 64mb");
    let value = "x".repeat(100_000);
    let set = |client: &mut Client, i: usize| client.call(&["SET", &format!("cached:{i}"), &value]).text();
    let mut keys = 0;
    while client.info("stats").number("evicted_keys") == 0 {
        set(&mut client, keys);
        keys += 1;
        assert!(keys < 1000, "nothing is evicted");
    }
    let evicted = client.info("stats").number("evicted_keys");
    let calls = [vec![["LW.AUDIT", "USER", "a"]; 200], vec![["LW.ALERT", "a", "1"]; 200]].concat();
    for _ in 0..50 {
        let answers = client.pipeline(&calls);
        assert!(answers.iter().all(|answer| answer.is_error()), "{answers:?}");
    }
    // The buffers of the connection take some memory, too.
    let since = client.info("stats").number("evicted_keys") - evicted;
    assert!(since <= 2, "{since} keys were evicted");
    // Nor does a journal take the room of an evicted key before the next key is set.
    for i in 0..100 {
        set(&mut client, keys + i);
        assert!(client.run("LW.AUDIT USER a").error().starts_with("LWFULL "));
    }
    assert_eq!(client.audit_info("events"), 0);
    // Where a lot is free, the journal takes it. Valkey 8 frees on another thread unless told SYNC.
    client.run("FLUSHALL SYNC");
    client.audit("USER a");
}
