//! `kill -9` under load, with an unreliable receiver: every acknowledged alert arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::assert_same_alert;
use crate::support::receiver::{Answer, Receiver, Request};
use crate::support::{Client, Random, Server, Stop, Value, beside, wait_until};

const CLIENTS: usize = 4;

/// How many times the server is killed.
fn kills() -> usize {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { 100 } else { 20 }
}

#[test]
fn every_acknowledged_alert_arrives_despite_kills_of_the_server() {
    let mut random = Random::new();
    let mut receiver = Receiver::start();
    let preamble = if random.one_in(2) { "yes" } else { "no" };
    let mut server = Server::builder()
        .alerting(&[&receiver])
        .config("appendonly yes")
        .config("appendfsync always")
        .config(format!("aof-use-rdb-preamble {preamble}"))
        .config("lockwatch.alert-max-events 100000")
        .hurrying(1000)
        .start();
    let acknowledged = Acknowledged::default();
    for kill in 1..=kills() {
        vary(&mut receiver, &mut random);
        let enough = acknowledged.count() + random.within(20..=200) as usize;
        let address = server.address();
        let load = |i, stop: &Stop| hammer(address, &format!("{kill}.{i}"), &acknowledged, stop);
        beside(CLIENTS, load, || {
            if kill % 4 == 0 {
                server.client().run("BGREWRITEAOF");
            }
            wait_until("some alerts were acknowledged", || acknowledged.count() >= enough);
            server.kill();
        });
        server.start_again();
    }
    deliver_all(&mut server.client(), &mut receiver);
    acknowledged.assert_arrived(&receiver);
    eprintln!("{} kills, {} acknowledged, {} requests", kills(), acknowledged.count(), receiver.count());
}

/// Puts the receiver into a random state: up, down, failing, hanging up, or accepting every third
/// request.
fn vary(receiver: &mut Receiver, random: &mut Random) {
    receiver.stop();
    match random.below(5) {
        0 => receiver.answer(Answer::status(200)),
        1 => return,
        2 => receiver.answer(Answer::status(503)),
        3 => receiver.answer(Answer::Close),
        _ => {
            let mut n = 0;
            receiver.answer_by(move |_| {
                n += 1;
                if n % 3 == 0 { Answer::status(200) } else { Answer::CloseInHead }
            });
        }
    }
    receiver.start_again();
}

/// Delivers all pending alerts and dead letters.
#[track_caller]
fn deliver_all(client: &mut Client, receiver: &mut Receiver) {
    receiver.stop();
    receiver.answer(Answer::status(200));
    receiver.start_again();
    wait_until("everything has arrived", || {
        client.run("LW.ALERTS REPLAY ALL");
        client.alert_info("queued") == 0 && client.alert_info("dead") == 0
    });
}

/// The ids that clients received.
#[derive(Default)]
struct Acknowledged {
    /// The number of calls that were answered with each id. A summary's id answers many calls.
    ids: Mutex<BTreeMap<String, u64>>,
    calls: AtomicUsize,
}

impl Acknowledged {
    fn count(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn note(&self, id: String) {
        *self.ids.lock().unwrap().entry(id).or_default() += 1;
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Asserts that each alert arrived, with the same id and body on every try, and that each
    /// summary counts at least its acknowledged calls.
    #[track_caller]
    fn assert_arrived(&self, receiver: &Receiver) {
        let mut arrived: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for request in receiver.requests() {
            arrived.entry(request.id().to_owned()).or_default().push(request);
        }
        arrived.values().for_each(|tries| assert_same_alert(tries));
        let mut lost = BTreeSet::new();
        for (id, times) in self.ids.lock().unwrap().iter() {
            let Some(tries) = arrived.get(id) else {
                lost.insert(id.clone());
                continue;
            };
            let count = count_of(&tries[0]);
            assert!(count >= *times, "{id} counts {count} of {times} calls");
        }
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), self.count());
    }
}

fn count_of(request: &Request) -> u64 {
    if !request.kind().ends_with(".summary") {
        return 1;
    }
    request.member("data")["count"].as_u64().unwrap()
}

/// Raises alerts until the server is gone. Every third alert has a common type and is rolled up.
/// The others have distinct types.
fn hammer(address: SocketAddr, who: &str, acknowledged: &Acknowledged, stop: &Stop) {
    let Ok(mut client) = Client::connect(address) else { return };
    for n in (0..).take_while(|_| !stop.is_set()) {
        let kind = if n % 3 == 0 { "storm".into() } else { format!("single.{who}.{n}") };
        let json = format!("{{\"who\":\"{who}\",\"n\":{n}}}");
        match client.try_call(&["LW.ALERT", &kind, &json]) {
            Ok(Value::Bulk(id)) => acknowledged.note(String::from_utf8(id).unwrap()),
            Ok(other) => panic!("LW.ALERT answered {other:?}"),
            Err(_) => return,
        }
    }
}
