//! Pages of LW.AUDITLOG QUERY are of bounded size, and answering holds up no other client.

use std::time::{Duration, Instant};

use super::{pair, scaled};
use crate::support::{Client, Server, wait_until};

/// Records `count` events with data of `bytes`.
fn fill(client: &mut Client, count: usize, bytes: usize) {
    let data = format!("\"{}\"", "x".repeat(bytes));
    let calls: Vec<_> = (0..count)
        .map(|n| ["LW.AUDIT".to_owned(), "USER".into(), n.to_string(), "DATA".into(), data.clone()])
        .collect();
    for calls in calls.chunks(1000) {
        assert!(client.pipeline(calls).iter().all(|answer| !answer.is_error()));
    }
}

/// The sizes of all pages of `COUNT 10000`, and the users of their events.
fn pages(client: &mut Client) -> (Vec<usize>, Vec<usize>) {
    let (mut sizes, mut users) = (Vec::new(), Vec::new());
    let mut before = String::new();
    loop {
        let page = client.audit_log(&format!("COUNT 10000{before}"));
        let Some(last) = page.last() else { return (sizes, users) };
        before = format!(" BEFORE {}", last.id);
        sizes.push(page.iter().map(|event| event.data.as_ref().unwrap().len()).sum());
        users.extend(page.iter().map(|event| event.user_id.as_ref().unwrap().parse::<usize>().unwrap()));
    }
}

#[test]
fn a_page_of_large_events_ends_early_and_the_next_one_goes_on() {
    let (_postgres, server) = pair();
    let mut client = server.client();
    let count = 1200;
    // One half in Postgres, the other in the journal.
    fill(&mut client, count, 16_000);
    client.wait_until_shipped();
    client.set("ship", "no");
    fill(&mut client, count, 16_000);
    let (sizes, users) = pages(&mut client);
    let largest = sizes.iter().max().unwrap();
    assert!(*largest <= (2 << 20) + 16_100, "a page of {largest} bytes");
    assert!(sizes.len() > 15, "{sizes:?}");
    let expected: Vec<_> = (0..count).rev().chain((0..count).rev()).collect();
    assert_eq!(users, expected);
}

#[test]
fn a_page_has_at_most_some_thousand_events() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 9000, 1);
    let (sizes, users) = pages(&mut client);
    assert_eq!(users, (0..9000).rev().collect::<Vec<_>>());
    assert!((3..9).contains(&sizes.len()), "{sizes:?}");
}

#[test]
fn a_large_search_is_refused_in_multi_and_scripts() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 30_000, 1);
    // The newest are found at once.
    let script = "return #redis.call('LW.AUDITLOG', 'QUERY', 'COUNT', '10')";
    assert_eq!(client.call(&["EVAL", script, "0"]).int(), 10);
    let script = "return redis.pcall('LW.AUDITLOG', 'QUERY', 'USER', 'nobody')";
    let why = client.call(&["EVAL", script, "0"]);
    assert!(
        why.error().starts_with("LWUNAVAILABLE more than 20000 events would have to be searched"),
        "{why:?}"
    );
    client.run("MULTI");
    client.run("LW.AUDITLOG QUERY USER 1 COUNT 1");
    let answers = client.run("EXEC");
    assert!(answers.items()[0].error().contains("narrow FROM and TO"), "{answers:?}");
    assert_eq!(client.audit_log("USER nobody"), []);
}

#[test]
fn answers_are_given_one_at_a_time() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, 2000, 16_000);
    // All are answered, those of clients that have left included.
    let mut askers: Vec<Client> = (0..30).map(|_| server.client()).collect();
    for asker in &mut askers {
        asker.send(&["LW.AUDITLOG", "QUERY", "COUNT", "10000"]);
    }
    drop(askers.split_off(15));
    let began = Instant::now();
    for asker in &mut askers {
        let events = asker.read();
        assert!(events.items().len() > 100);
    }
    assert!(began.elapsed() < Duration::from_secs(30));
    wait_until("no client is blocked", || client.info("clients").number("blocked_clients") == 0);
    assert!(!client.audit_log("COUNT 1").is_empty());
}

/// The longest time that the main thread may compute without serving others, on any machine. In a
/// build without optimisation everything takes longer.
const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 60 } else { 20 });

/// Asserts that no other client waits long while `askers` clients each make `call` several times.
#[track_caller]
fn assert_holds_up_nobody(server: &Server, what: &str, askers: usize, call: &[&str]) {
    let stall = server.stall_during(|| {
        std::thread::scope(|scope| {
            for _ in 0..askers {
                let mut asker = server.client();
                scope.spawn(move || {
                    for _ in 0..8 {
                        let _ = asker.call(call);
                    }
                });
            }
        });
    });
    eprintln!("{what}: longest wait {:?}, of these computing {:?}", stall.wait, stall.busy);
    assert!(stall.busy <= LONGEST, "{what}: {stall:?}");
}

#[test]
fn queries_of_a_large_journal_hold_up_nobody() {
    let server = Server::builder().config("lockwatch.audit-max-bytes 1gb").start();
    let mut client = server.client();
    let page = ["LW.AUDITLOG", "QUERY", "COUNT", "10000"];
    fill(&mut client, 4000, 16_000);
    assert_holds_up_nobody(&server, "pages of 16 KB events, four at once", 4, &page);
    fill(&mut client, scaled(100_000, 1_000_000), 1);
    assert_holds_up_nobody(&server, "pages of small events, four at once", 4, &page);
    let nobody = ["LW.AUDITLOG", "QUERY", "USER", "nobody"];
    assert_holds_up_nobody(&server, "a search without a match, two at once", 2, &nobody);
    let script = "return redis.pcall('LW.AUDITLOG', 'QUERY', 'USER', 'nobody')";
    assert_holds_up_nobody(&server, "a search without a match in a script", 1, &["EVAL", script, "0"]);
    let script = "return #redis.pcall('LW.AUDITLOG', 'QUERY', 'COUNT', '10000')";
    assert_holds_up_nobody(&server, "a page of small events in a script", 1, &["EVAL", script, "0"]);
}
