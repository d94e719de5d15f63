//! Many clients at once never hold more than the limit.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::Acquired;
use crate::support::{Server, Stop, beside, wait_until};

const LIMIT: i64 = 7;
const CLIENTS: usize = 64;
const LEASES: i64 = 5000;

#[test]
fn sixty_four_clients_never_hold_more_than_the_limit() {
    let server = Server::start();
    let (held, calls, taken) = (AtomicI64::new(0), AtomicI64::new(0), AtomicI64::new(0));
    let most = AtomicI64::new(0);
    let load = |thread: usize, stop: &Stop| {
        let mut client = server.client();
        let option = if thread % 4 == 0 { " ONCLOSE" } else { "" };
        while !stop.is_set() {
            calls.fetch_add(1, Ordering::Relaxed);
            let lease = client.acquire(&format!("k {LIMIT} 1h{option}"));
            if lease.acquired == 0 {
                assert_eq!(lease.in_use, LIMIT);
                // Leaves the processors to those that hold leases.
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            let now = held.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            taken.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
            held.fetch_sub(1, Ordering::SeqCst);
            let id = String::from_utf8(lease.id).unwrap();
            assert_eq!(client.release(&format!("k {id}")), 1);
        }
    };
    beside(CLIENTS, load, || {
        wait_until("enough leases", || taken.load(Ordering::Relaxed) >= LEASES);
    });
    let (most, taken) = (most.into_inner(), taken.into_inner());
    eprintln!("{} calls, {taken} leases, at most {most} at once", calls.into_inner());
    assert!((2..=LIMIT).contains(&most), "{most} at once");
    assert_eq!(server.client().run("EXISTS k").int(), 0);
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = Server::start();
    let taken = AtomicI64::new(0);
    let load = |_, stop: &Stop| {
        while !stop.is_set() {
            let mut client = server.client();
            let answer = client.run(&format!("LW.ACQUIRE k {LIMIT} 1h ONCLOSE"));
            let lease = Acquired::of(&answer);
            assert!(lease.in_use <= LIMIT);
            taken.fetch_add(lease.acquired, Ordering::Relaxed);
        }
    };
    beside(8, load, || wait_until("enough leases", || taken.load(Ordering::Relaxed) >= 1000));
    let mut client = server.client();
    wait_until("all are released", || client.run("EXISTS k").int() == 0);
    assert_eq!(client.lease_info("onclose_leases"), 0);
    assert_eq!(client.lease_info("closed_total"), taken.into_inner());
}
