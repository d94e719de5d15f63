//! `retry_after` is exact to the millisecond.

use crate::support::{Bracket, Client, Reply, Server, wait_until};

/// Polls `call` until it is admitted and returns the number of denials. Every denial must announce
/// the same time, `due`, and the call must be admitted then.
fn poll_until_admitted(client: &mut Client, call: &str, mut due: Bracket) -> usize {
    let mut denials = 0;
    loop {
        let (answer, now) = client.timed(call);
        let reply = Reply::of(&answer);
        if !reply.limited {
            assert!(now.to >= due.from, "admitted at {now:?}, due at {due:?}");
            return denials;
        }
        assert!(now.from < due.to, "still denied at {now:?}, due at {due:?}");
        due = due.and(now.plus(reply.retry_after));
        denials += 1;
    }
}

/// Runs `attempt` on new keys until one is denied at least ten times. On a busy machine the test
/// may sleep through a whole window, which proves nothing.
fn until_proven(mut attempt: impl FnMut(&str) -> usize) {
    let denials: Vec<usize> =
        (0..20).map(|i| attempt(&format!("k{i}"))).take_while(|denials| *denials < 10).collect();
    assert!(denials.len() < 20, "too few denials: {denials:?}");
}

#[test]
fn a_call_is_admitted_exactly_when_retry_after_is_over() {
    let server = Server::start();
    let mut client = server.client();
    until_proven(|key| {
        let call = format!("LW.RATELIMIT {key} 2 250ms");
        let (_, first) = client.timed(&call);
        client.run(&call);
        poll_until_admitted(&mut client, &call, first.plus(250))
    });
}

#[test]
fn a_peek_reports_the_same_retry_after() {
    let server = Server::start();
    let mut client = server.client();
    until_proven(|key| {
        let (_, only) = client.timed(&format!("LW.RATELIMIT {key} 5 0.2 COST 5"));
        let denials =
            poll_until_admitted(&mut client, &format!("LW.PEEK {key} 5 0.2 COST 4"), only.plus(200));
        assert!(!client.ratelimit(&format!("{key} 5 0.2 COST 4")).limited);
        denials
    });
}

#[test]
fn a_higher_cost_waits_until_enough_units_leave() {
    let server = Server::start();
    let mut client = server.client();
    let mut admitted_at = Vec::new();
    for cost in [3, 2, 1] {
        let (answer, at) = client.timed(&format!("LW.RATELIMIT k 6 60 COST {cost}"));
        assert!(!Reply::of(&answer).limited);
        wait_until("the clock moves on", || client.time_ms() > at.to + 5);
        admitted_at.push(at);
    }
    for (cost, leaves) in [(1, 0), (3, 0), (4, 1), (5, 1), (6, 2)] {
        let (answer, now) = client.timed(&format!("LW.PEEK k 6 60 COST {cost}"));
        let reply = Reply::of(&answer);
        assert!(reply.limited);
        now.plus(reply.retry_after).and(admitted_at[leaves].plus(60_000));
        now.plus(reply.reset_after).and(admitted_at[2].plus(60_000));
    }
}

#[test]
fn retry_after_is_the_longest_wait_of_all_windows() {
    let server = Server::start();
    let mut client = server.client();
    let (_, first) = client.timed("LW.RATELIMIT k 9 1h 2 2h");
    wait_until("the clock moves on", || client.time_ms() > first.to + 5);
    let (_, second) = client.timed("LW.RATELIMIT k 9 1h 2 2h");
    // The short window waits for the second call's unit. The long window waits longer, for the
    // first call's unit.
    let (answer, now) = client.timed("LW.PEEK k 1 1h 2 2h");
    let reply = Reply::of(&answer);
    assert_eq!((reply.limited, reply.limit), (true, 2));
    now.plus(reply.retry_after).and(first.plus(7_200_000));
    now.plus(reply.reset_after).and(second.plus(7_200_000));
}

#[test]
fn a_call_with_several_windows_is_admitted_when_the_longest_wait_is_over() {
    let server = Server::start();
    let mut client = server.client();
    until_proven(|key| {
        let (_, only) = client.timed(&format!("LW.RATELIMIT {key} 9 100ms 2 250ms COST 2"));
        poll_until_admitted(&mut client, &format!("LW.RATELIMIT {key} 1 100ms 2 250ms"), only.plus(250))
    });
}

#[test]
fn a_unit_leaves_exactly_one_window_after_it_was_admitted() {
    let server = Server::start();
    let mut client = server.client();
    until_proven(|key| {
        let (_, admitted_at) = client.timed(&format!("LW.RATELIMIT {key} 10 100ms 10 1h"));
        let mut polls = 0;
        loop {
            let (answer, now) = client.timed(&format!("LW.PEEK {key} 10 100ms COST 0"));
            if Reply::of(&answer).remaining == 10 {
                assert!(now.to >= admitted_at.from + 100, "free at {now:?}, admitted at {admitted_at:?}");
                return polls;
            }
            assert!(now.from < admitted_at.to + 100, "still counted at {now:?}, admitted at {admitted_at:?}");
            polls += 1;
        }
    });
}
