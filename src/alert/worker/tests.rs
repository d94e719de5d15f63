//! What the workers promises: every attempt comes back once, and no endpoint waits for another.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use super::*;
use crate::alert::Alert;
use crate::alert::endpoint::{Endpoint, parse_urls};
use crate::alert::receiver::{OK, PATIENCE, Receiver, until_closed};
use crate::journal::id::Id;
use crate::text::time::Timestamp;

static NEWS: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

fn wake() {
    *NEWS.0.lock().unwrap() += 1;
    NEWS.1.notify_all();
}

fn workers() -> Workers {
    Workers::new(wake)
}

/// The next of what `take` gives, waiting for a wake-up whenever there is nothing.
fn next(workers: &mut Workers, take: fn(&mut Workers) -> Option<AttemptResult>) -> AttemptResult {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = *NEWS.0.lock().unwrap();
        if let Some(result) = take(workers) {
            return result;
        }
        let news = NEWS.0.lock().unwrap();
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = NEWS.1.wait_timeout_while(news, left, |news| *news == seen).unwrap();
        assert!(!waited.1.timed_out(), "nothing came back");
    }
}

fn result(workers: &mut Workers) -> (u64, DeliveryStatus) {
    let result = next(workers, Workers::next_result);
    (result.id.seq, result.status)
}

fn endpoint(receiver: &Receiver) -> Arc<Endpoint> {
    Arc::new(parse_urls(&receiver.url()).unwrap().remove(0))
}

/// The alert number `seq`, of the generation of the same number.
fn attempt(endpoint: &Arc<Endpoint>, seq: u64) -> Attempt {
    Attempt {
        id: Id { at: Timestamp(1), epoch: 1, seq },
        alert: Arc::new(Alert { kind: "test".into(), body: format!(r#"{{"data":{seq}}}"#) }),
        endpoint: Arc::clone(endpoint),
        timeout: PATIENCE / 2,
        allow_private: true,
        generation: seq,
    }
}

fn offer(workers: &mut Workers, endpoint: &Arc<Endpoint>, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        workers.offer(attempt(endpoint, seq)).unwrap();
    }
}

/// A receiver that answers once [`Gate::open`] is called, and only then.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn receiver(self: &Arc<Self>, answer: fn(&mut TcpStream) -> bool) -> Receiver {
        let gate = Arc::clone(self);
        Receiver::start(move |stream| {
            let closed = gate.0.lock().unwrap();
            drop(gate.1.wait_timeout_while(closed, PATIENCE, |open| !*open).unwrap());
            answer(stream)
        })
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

fn say_ok(stream: &mut TcpStream) -> bool {
    stream.write_all(OK.as_bytes()).is_ok()
}

const DELIVERED: DeliveryStatus = DeliveryStatus::Delivered { status: 200 };

#[test]
fn alerts_are_delivered_in_order() {
    let receiver = Receiver::saying(OK);
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, 1..=10);
    for seq in 1..=10 {
        assert_eq!(result(&mut workers), (seq, DELIVERED));
        assert_eq!(receiver.request().body, format!(r#"{{"data":{seq}}}"#));
    }
    assert_eq!(workers.next_result(), None);
    assert_eq!(receiver.connections(), 1);
}

#[test]
fn an_endpoint_that_hangs_delays_no_other() {
    let (hanging, prompt) = (Receiver::hanging(), Receiver::saying(OK));
    let mut workers = workers();
    offer(&mut workers, &endpoint(&hanging), 1..=10);
    hanging.request();
    offer(&mut workers, &endpoint(&prompt), 11..=20);
    for seq in 11..=20 {
        assert_eq!(result(&mut workers), (seq, DELIVERED));
    }
}

#[test]
fn one_failure_is_enough_to_give_back_the_queue() {
    let gate = Arc::new(Gate::default());
    let receiver = gate.receiver(|_| false);
    let mut workers = workers();
    offer(&mut workers, &endpoint(&receiver), 1..=4);
    gate.open();
    assert_eq!(result(&mut workers), (1, DeliveryStatus::no_answer("closed before it answered")));
    for seq in 2..=4 {
        assert_eq!(result(&mut workers), (seq, DeliveryStatus::NotAttempted));
    }
    receiver.request();
    assert_eq!(receiver.more(), 0);
}

#[test]
fn a_full_queue_gives_the_order_back() {
    let receiver = Receiver::hanging();
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, [1]);
    receiver.request();
    offer(&mut workers, &endpoint, 2..2 + QUEUE as u64);
    assert_eq!(workers.offer(attempt(&endpoint, 99)).map_err(|attempt| attempt.id.seq), Err(99));
}

#[test]
fn recalled_orders_come_back_and_later_ones_stay() {
    let gate = Arc::new(Gate::default());
    let receiver = gate.receiver(say_ok);
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, [1]);
    receiver.request();
    offer(&mut workers, &endpoint, 2..=6);
    workers.recall(5);
    for seq in 2..=4 {
        assert_eq!(result(&mut workers), (seq, DeliveryStatus::NotAttempted));
    }
    assert_eq!(workers.next_result(), None);
    gate.open();
    for seq in [1, 5, 6] {
        assert_eq!(result(&mut workers), (seq, DELIVERED));
    }
}

#[test]
fn an_endpoint_that_is_no_longer_wanted_ends_with_its_try() {
    let gate = Arc::new(Gate::default());
    let receiver = gate.receiver(say_ok);
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, [1]);
    receiver.request();
    offer(&mut workers, &endpoint, 2..=3);
    workers.retain(&[endpoint.id]);
    assert_eq!(workers.next_result(), None);
    workers.retain(&[]);
    assert_eq!(result(&mut workers), (2, DeliveryStatus::NotAttempted));
    assert_eq!(result(&mut workers), (3, DeliveryStatus::NotAttempted));
    gate.open();
    assert_eq!(result(&mut workers), (1, DELIVERED));
    offer(&mut workers, &endpoint, [4]);
    assert_eq!(result(&mut workers), (4, DELIVERED));
}

#[test]
fn a_test_does_not_wait_in_the_queue() {
    let first = AtomicUsize::new(0);
    let receiver = Receiver::start(move |stream| match first.fetch_add(1, Ordering::SeqCst) {
        0 => {
            until_closed(stream);
            false
        }
        _ => say_ok(stream),
    });
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, 1..=3);
    receiver.request();
    workers.test(vec![attempt(&endpoint, 7), attempt(&endpoint, 8)]);
    let mut tested = [(); 2].map(|()| next(&mut workers, Workers::next_test_result));
    tested.sort_by_key(|result| result.id.seq);
    assert_eq!(tested.each_ref().map(|result| result.id.seq), [7, 8]);
    assert!(tested.iter().all(|result| result.status == DELIVERED && result.endpoint == endpoint.id));
    assert_eq!(workers.next_result(), None);
}

#[test]
fn too_many_tests_at_once_are_told_so_and_take_no_thread_from_deliveries() {
    let (hanging, prompt) = (Receiver::hanging(), Receiver::saying(OK));
    let (mut workers, slow, quick) = (workers(), endpoint(&hanging), endpoint(&prompt));
    workers.test((1..=TEST_THREADS as u64 + 1).map(|seq| attempt(&slow, seq)).collect());
    let refused = next(&mut workers, Workers::next_test_result);
    assert_eq!(
        (refused.id.seq, refused.status),
        (65, DeliveryStatus::no_answer("too many tries are under way"))
    );
    offer(&mut workers, &quick, [1]);
    assert_eq!(result(&mut workers), (1, DELIVERED));
}

#[test]
fn threads_of_removed_endpoints_are_bounded() {
    let receiver = Receiver::hanging();
    let mut workers = workers();
    let mut endpoints =
        (0..).map(|n| Arc::new(parse_urls(&format!("{}{n}", receiver.url())).unwrap().remove(0)));
    for _ in 0..LEAVING {
        offer(&mut workers, &endpoints.next().unwrap(), [1]);
        receiver.request();
        workers.retain(&[]);
    }
    let refused = workers.offer(attempt(&endpoints.next().unwrap(), 1));
    assert_eq!(refused.map_err(|attempt| attempt.id.seq), Err(1));
    workers.shutdown(Duration::ZERO);
    offer(&mut workers, &endpoints.next().unwrap(), [2]);
}

#[test]
fn a_shutdown_waits_for_the_tries_under_way_and_begins_no_other() {
    let gate = Arc::new(Gate::default());
    let receiver = gate.receiver(say_ok);
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, [1]);
    receiver.request();
    offer(&mut workers, &endpoint, 2..=3);
    gate.open();
    workers.shutdown(PATIENCE);
    let mut outcomes: Vec<_> = std::iter::from_fn(|| workers.next_result()).collect();
    outcomes.sort_by_key(|result| result.id.seq);
    let seqs: Vec<_> = outcomes.iter().map(|result| result.id.seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(outcomes[0].status, DELIVERED);
    offer(&mut workers, &endpoint, [4]);
    assert_eq!(result(&mut workers), (4, DELIVERED));
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    let receiver = Receiver::hanging();
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    offer(&mut workers, &endpoint, [1]);
    receiver.request();
    offer(&mut workers, &endpoint, 2..=3);
    let started = Instant::now();
    workers.shutdown(Duration::from_millis(50));
    assert!(started.elapsed() < PATIENCE / 4);
    assert_eq!(result(&mut workers), (2, DeliveryStatus::NotAttempted));
    assert_eq!(result(&mut workers), (3, DeliveryStatus::NotAttempted));
    assert_eq!(workers.next_result(), None);
}

#[test]
fn every_order_comes_back_exactly_once() {
    let count = AtomicUsize::new(0);
    let moody = Receiver::start(move |stream| match count.fetch_add(1, Ordering::SeqCst) % 4 {
        0 => false,
        1 => stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").is_ok(),
        _ => say_ok(stream),
    });
    let fine = Receiver::saying(OK);
    let endpoints = [endpoint(&moody), endpoint(&fine)];
    let mut workers = workers();
    let (mut offered, mut returned) = (Vec::new(), Vec::new());
    for seq in 1..=400 {
        let endpoint = &endpoints[usize::from(seq % 3 == 0)];
        if workers.offer(attempt(endpoint, seq)).is_ok() {
            offered.push(seq);
        }
        match seq % 50 {
            10 => workers.recall(seq),
            20 => workers.retain(&[endpoint.id]),
            30 => workers.shutdown(PATIENCE),
            _ => {}
        }
        returned.extend(workers.next_result().map(|result| result.id.seq));
    }
    while returned.len() < offered.len() {
        returned.push(result(&mut workers).0);
    }
    returned.sort_unstable();
    assert_eq!(returned, offered);
    assert_eq!(workers.next_result(), None);
}

#[test]
fn what_is_not_taken_back_is_bounded() {
    let receiver = Receiver::saying(OK);
    let (mut workers, endpoint) = (workers(), endpoint(&receiver));
    let mut offered = 0;
    let deadline = Instant::now() + PATIENCE;
    while workers.results.has_room() && Instant::now() < deadline {
        match workers.offer(attempt(&endpoint, offered + 1)) {
            Ok(()) => offered += 1,
            // The queue is full: the receiver's turn.
            Err(_) => drop(receiver.request()),
        }
    }
    assert!(workers.offer(attempt(&endpoint, 0)).is_err());
    for seq in 1..=offered {
        assert_eq!(result(&mut workers), (seq, DELIVERED));
    }
    assert!(workers.results.has_room());
}
