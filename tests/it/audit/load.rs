//! Clients that record events, and the check that each acknowledged one is stored exactly once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::postgres::Postgres;
use crate::support::{Client, Value, wait_at_most};

/// The events that clients recorded and the server acknowledged.
#[derive(Default)]
pub struct Acknowledged {
    /// The client and the client's number of each event, by id.
    events: Mutex<BTreeMap<String, (String, usize)>>,
    count: AtomicUsize,
    /// The total at which the clients pause until more is requested, so that the load is bounded.
    wanted: AtomicUsize,
    stop: AtomicBool,
}

/// Number of calls in one pipeline.
const PIPELINE: usize = 20;

/// Number of events recorded beyond those requested, so that the load continues during the next
/// step.
const AHEAD: usize = 500;

impl Acknowledged {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn ids(&self) -> Vec<String> {
        self.events.lock().unwrap().keys().cloned().collect()
    }

    /// The ids of the events of a client.
    pub fn of(&self, who: &str) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|(_, (whose, _))| whose == who).map(|(id, _)| id.clone()).collect()
    }

    /// Events of a client that are no longer expected in the table.
    pub fn forget(&self, who: &str, which: impl Fn(&str) -> bool) {
        self.events.lock().unwrap().retain(|id, (whose, _)| whose != who || !which(id));
    }

    /// Records events from `clients` connections while `during` runs. A client ends early when its
    /// connection breaks or the server answers READONLY.
    pub fn record_during(&self, address: SocketAddr, clients: usize, round: &str, during: impl FnOnce()) {
        // Ends the clients even if `during` panics.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        self.stop.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            let stop = Stop(&self.stop);
            for i in 0..clients {
                scope.spawn(move || self.hammer(address, &format!("{round}.{i}")));
            }
            during();
            drop(stop);
        });
    }

    /// Waits until `more` further events are acknowledged.
    #[track_caller]
    pub fn wait_for_more(&self, more: usize) {
        let enough = self.count() + more;
        self.wanted.fetch_max(enough + AHEAD, Ordering::Relaxed);
        wait_at_most(Duration::from_secs(300), "events are recorded", || self.count() >= enough);
    }

    fn hammer(&self, address: SocketAddr, who: &str) {
        let Ok(mut client) = Client::connect(address) else { return };
        let mut n = 0;
        loop {
            let stops = || self.stop.load(Ordering::Relaxed);
            wait_at_most(Duration::from_secs(300), "more events are requested", || {
                stops() || self.count() < self.wanted.load(Ordering::Relaxed)
            });
            if stops() {
                return;
            }
            let numbers: Vec<_> = (n..n + PIPELINE).collect();
            n += PIPELINE;
            let calls: Vec<_> = numbers.iter().map(|n| call(who, *n)).collect();
            if calls.iter().any(|call| client.try_send(call).is_err()) {
                return;
            }
            for n in numbers {
                match client.try_read() {
                    Ok(Value::Bulk(id)) => self.note(String::from_utf8(id).unwrap(), who, n),
                    Ok(Value::Error(message)) => {
                        assert!(
                            message.starts_with("READONLY") || message.starts_with("LWFULL"),
                            "{message}"
                        );
                        if message.starts_with("READONLY") {
                            return;
                        }
                    }
                    Ok(other) => panic!("LW.AUDIT answered {other:?}"),
                    Err(_) => return,
                }
            }
        }
    }

    fn note(&self, id: String, who: &str, n: usize) {
        let before = self.events.lock().unwrap().insert(id, (who.to_owned(), n));
        assert_eq!(before, None, "two events got the same id");
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Asserts that the table has each acknowledged event once, as it was recorded, and in the
    /// order of each connection. It may have further events whose answers were lost.
    #[track_caller]
    pub fn assert_arrived(&self, postgres: &Postgres, database: &str) {
        let rows = postgres.sql(
            database,
            "SELECT event_id(l), user_id, data->>'n', status_code FROM lockwatch_audit_log l ORDER BY epoch, seq",
        );
        let mut stored: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        let mut last: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row[1].is_empty()) {
            let (id, who, n) = (row[0].as_str(), row[1].as_str(), row[2].parse::<usize>().unwrap());
            assert_eq!(stored.insert(id, (who, n)), None, "{id} is stored twice");
            assert_eq!(row[3], (200 + n % 300).to_string(), "{row:?}");
            let epoch = id.split('-').nth(1).unwrap();
            let before = last.insert((epoch, who), n);
            assert!(before.is_none_or(|before| before < n), "{who} recorded {n} after {before:?}");
        }
        let events = self.events.lock().unwrap();
        let lost: Vec<_> = events
            .iter()
            .filter(|(id, (who, n))| stored.get(id.as_str()) != Some(&(who.as_str(), *n)))
            .take(5)
            .collect();
        assert!(lost.is_empty(), "lost or changed, of {}: {lost:?}", events.len());
        eprintln!("{} acknowledged, {} stored", events.len(), stored.len());
    }
}

fn call(who: &str, n: usize) -> Vec<String> {
    let words =
        ["LW.AUDIT", "USER", who, "IP", "192.0.2.7", "METHOD", "GET", "ENDPOINT", "/api/items", "STATUS"];
    let mut call: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let data = format!(r#"{{"n":{n}}}"#);
    call.extend([(200 + n % 300).to_string(), "LATENCY".into(), "12ms".into(), "DATA".into(), data]);
    call
}
