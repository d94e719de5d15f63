//! The journal's bound: reached, told, never passed, and afterwards accounted for.

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::{Client, Server, Value, wait_until};

/// Records until it is refused; how many were taken, and whether the next was refused, too.
fn fill(client: &mut Client, line: &str, most: usize) -> usize {
    let call: Vec<&str> = line.split(' ').collect();
    let mut taken = 0;
    while taken < most {
        let calls = vec![call.clone(); 100.min(most - taken)];
        let answers = client.pipeline(&calls);
        taken += answers.iter().filter(|answer| !answer.is_error()).count();
        if let Some(refused) = answers.iter().find(|answer| answer.is_error()) {
            assert!(refused.error().starts_with("LWFULL ") && refused.error().contains("audit-max-events"));
            return taken;
        }
    }
    panic!("{most} events were taken");
}

/// A server whose database is away.
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
fn a_full_journal_refuses_the_newest_and_tells_how_many() {
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
    // What the module itself records still has room, and no other command is held up.
    assert_eq!(client.run("LW.RATELIMIT k 1 60").ints()[0], 0);
    postgres.start_again();
    client.wait_until_shipped();
    wait_until("the gap is told of", || client.audit_info("gaps_total") == 1);
    client.wait_until_shipped();
    let after = client.run("TIME").texts()[0].parse::<i64>().unwrap() * 1000 + 1000;
    assert_eq!(client.audit_info("gap"), 0);
    let rows = postgres.sql(
        "audit",
        "SELECT data->>'count', data->>'limited', data->>'from_ms', data->>'to_ms' FROM lockwatch_audit_log WHERE kind = 'gap'",
    );
    let [row] = &rows[..] else { panic!("one row tells of the gap: {rows:?}") };
    assert_eq!(row[..2], [(refused + 7).to_string(), "7".to_owned()]);
    let (from, to) = (row[2].parse::<i64>().unwrap(), row[3].parse::<i64>().unwrap());
    assert!(before <= from && from <= to && to <= after, "{before} {row:?} {after}");
    let stored = postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log WHERE user_id = 'a'");
    assert_eq!(stored, 1000, "what was acknowledged was not overwritten");
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
    let taken = fill(&mut client, &long, 10_000);
    let bytes = client.audit_info("bytes");
    assert!(bytes <= 4 << 20 && bytes > (4 << 20) - 20_000, "{bytes} bytes of {taken} events");
    let grown = used(&mut client) - before;
    assert!(grown < (4 << 20) + (1 << 20), "{grown} bytes for a bound of 4 MB");
    assert!(grown > 3 << 20, "{grown}");
    // Small ones are weighed with what they take besides.
    for line in ["LW.AUDIT USER a", "LW.AUDIT USER a LIMITED"] {
        let (_postgres, server) = without_postgres(&["lockwatch.audit-max-bytes 4mb"]);
        let mut client = server.client();
        let before = used(&mut client);
        let taken = fill(&mut client, line, 100_000);
        let grown = used(&mut client) - before;
        assert!(grown < (4 << 20) + (1 << 20), "{grown} bytes for {taken} events");
    }
}

#[test]
fn a_flood_of_denials_leaves_half_for_the_rest() {
    let (mut postgres, server) = without_postgres(&["lockwatch.audit-max-events 1000"]);
    let mut client = server.client();
    assert_eq!(fill(&mut client, "LW.AUDIT USER flood LIMITED", 2000), 500);
    let calls = vec![["LW.AUDIT", "USER", "honest"]; 500];
    assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
    assert!(client.run("LW.AUDIT USER honest").error().starts_with("LWFULL"));
    postgres.start_again();
    client.wait_until_shipped();
    // Room for denials comes back with the others'.
    client.audit("USER flood LIMITED");
    wait_until("the gap is told of", || client.audit_info("gaps_total") == 1);
    client.wait_until_shipped();
    let gap = postgres
        .sql("audit", "SELECT data->>'count', data->>'limited' FROM lockwatch_audit_log WHERE kind = 'gap'");
    let numbers: Vec<i64> = gap[0].iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers[0], numbers[1] + 1, "all but one were denials");
}

#[test]
fn the_directives_hold_for_what_comes_next() {
    let (_postgres, server) = without_postgres(&[]);
    let mut client = server.client();
    let calls = vec![["LW.AUDIT", "USER", "a"]; 500];
    client.pipeline(&calls);
    client.set("audit-max-events", "100");
    assert!(client.run("LW.AUDIT USER b").error().starts_with("LWFULL"));
    assert_eq!(
        client.audit_info("pending"),
        500,
        "what is not shipped is not overwritten, whatever is configured"
    );
    client.set("postgres-url-file", "");
    assert!(
        client.run("LW.AUDIT USER b").error().starts_with("LWFULL"),
        "nor when there is no database any more"
    );
    assert_eq!(client.audit_info("events"), 500);
    client.set("audit-max-events", "1000");
    assert!(matches!(client.run("LW.AUDIT USER b"), Value::Bulk(_)));
}

#[test]
fn a_gap_is_known_after_a_restart() {
    let (mut postgres, mut server) = without_postgres(&["lockwatch.audit-max-events 100", "appendonly yes"]);
    let mut client = server.client();
    fill(&mut client, "LW.AUDIT USER a", 1000);
    // It is told to the AOF a second later at the latest.
    let answers = client.pipeline(&[&["LW.AUDIT", "USER", "a"][..], &["INFO", "persistence"]]);
    assert!(answers[0].is_error());
    let changes = |text: &str| text.lines().find(|line| line.starts_with("rdb_changes")).map(str::to_owned);
    let before = changes(&answers[1].text());
    wait_until("the gap is told", || changes(&client.run("INFO persistence").text()) != before);
    let refused = client.audit_info("refused_total");
    server.stop();
    server.start_again();
    assert_eq!(server.client().audit_info("gap"), refused);
    postgres.start_again();
    let mut client = server.client();
    wait_until("the gap is told of", || client.audit_info("gaps_total") == 1);
}

#[test]
fn a_refused_event_leaves_no_trace() {
    let (_postgres, server) = without_postgres(&["lockwatch.audit-max-events 100"]);
    let mut client = server.client();
    fill(&mut client, "LW.AUDIT USER a", 1000);
    wait_until("the gap is told to files and replicas", || {
        let before = client.footprint();
        let answers = client.pipeline(&[["LW.AUDIT", "USER", "b"]; 1]);
        assert!(answers[0].is_error());
        client.footprint() == before
    });
}

#[test]
fn a_server_ships_again_after_a_pause() {
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
