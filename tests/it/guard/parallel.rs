//! Of parallel attempts exactly as many pass as a rule admits.
//!
//! An attempt is counted before its reply is written, so the number of connections matters less
//! than that no client waits for a reply before the next attempt is sent. Up to 64 connections send
//! at once; above that each sends several attempts in one pipeline.

use std::sync::Barrier;
use std::thread;

use super::{Verdict, server};
use crate::support::{Client, Server};

const CONNECTIONS: usize = 64;

/// Makes `attempts` attempts of one pair at once. Returns the replies.
fn at_once(server: &Server, attempts: usize, line: &str) -> Vec<Verdict> {
    let connections = attempts.min(CONNECTIONS);
    let start = Barrier::new(connections);
    let send = |nth: usize| {
        let mut client: Client = server.client();
        let own = attempts / connections + usize::from(nth < attempts % connections);
        start.wait();
        client.run_all(&vec![line; own])
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|nth| scope.spawn(move || send(nth))).collect();
        let replies = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        replies.map(|reply| Verdict::of(&reply)).collect()
    })
}

#[test]
fn of_parallel_guesses_exactly_five_pass() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for attempts in [2, 5, 6, 64, 1000] {
        for round in 0..3 {
            let line = format!("LW.ATTEMPT login IP 203.0.113.7 USER user{attempts}-{round}");
            let replies = at_once(&server, attempts, &line);
            assert_eq!(replies.len(), attempts);
            let passed = replies.iter().filter(|reply| reply.verdict == 0).count();
            assert_eq!(passed, attempts.min(5), "of {attempts}");
            assert!(replies.iter().all(|reply| reply.verdict == 0 || reply.says() == (1, "guess")));
        }
    }
}

#[test]
fn of_parallel_attempts_from_many_addresses_exactly_twenty_pass() {
    let server = server();
    server.client().freeze();
    let start = Barrier::new(CONNECTIONS);
    let send = |nth: usize| {
        let mut client = server.client();
        start.wait();
        let lines: Vec<_> =
            (0..10).map(|n| format!("LW.ATTEMPT login IP 203.0.{nth}.{n} USER alice")).collect();
        let replies = client.run_all(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        replies.iter().filter(|reply| Verdict::of(reply).verdict == 0).count()
    };
    let passed: usize = thread::scope(|scope| {
        let send = &send;
        let threads: Vec<_> = (0..CONNECTIONS).map(|nth| scope.spawn(move || send(nth))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 20);
}

#[test]
fn who_solves_challenges_in_parallel_has_exactly_five_more() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    at_once(&server, 6, "LW.ATTEMPT login IP 203.0.113.7 USER alice");
    let replies = at_once(&server, 300, "LW.ATTEMPT login IP 203.0.113.7 USER alice SOLVED");
    let of = |verdict: i64| replies.iter().filter(|reply| reply.verdict == verdict).count();
    assert_eq!([of(0), of(1), of(2)], [5, 0, 295]);
}
