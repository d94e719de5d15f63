//! The wait that a denied call is told: exact to the millisecond.

use crate::support::{Bracket, Client, Reply, Server, wait_until};

/// Polls `call` until it is admitted; every answer has to name the same moment, `due`, and keep to it. How many were
/// denied until then.
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

/// Runs `attempt` on new keys until one was denied often enough to prove something: a busy machine may be asleep for
/// the whole window.
fn until_proven(mut attempt: impl FnMut(&str) -> usize) {
    let denials: Vec<usize> =
        (0..20).map(|i| attempt(&format!("k{i}"))).take_while(|denials| *denials < 10).collect();
    assert!(denials.len() < 20, "hardly ever denied: {denials:?}");
}

#[test]
fn a_call_is_denied_until_the_wait_is_over_and_admitted_then() {
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
fn a_peek_knows_the_same_moment() {
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
fn a_higher_cost_waits_for_as_many_units_to_leave() {
    let server = Server::start();
    let mut client = server.client();
    let mut made = Vec::new();
    for cost in [3, 2, 1] {
        let (answer, at) = client.timed(&format!("LW.RATELIMIT k 6 60 COST {cost}"));
        assert!(!Reply::of(&answer).limited);
        wait_until("the clock moves on", || client.time_ms() > at.to + 5);
        made.push(at);
    }
    for (cost, leaves) in [(1, 0), (3, 0), (4, 1), (5, 1), (6, 2)] {
        let (answer, now) = client.timed(&format!("LW.PEEK k 6 60 COST {cost}"));
        let reply = Reply::of(&answer);
        assert!(reply.limited);
        now.plus(reply.retry_after).and(made[leaves].plus(60_000));
        now.plus(reply.reset_after).and(made[2].plus(60_000));
    }
}

#[test]
fn the_longest_wait_of_several_windows_is_told() {
    let server = Server::start();
    let mut client = server.client();
    let (_, first) = client.timed("LW.RATELIMIT k 9 1h 2 2h");
    wait_until("the clock moves on", || client.time_ms() > first.to + 5);
    let (_, second) = client.timed("LW.RATELIMIT k 9 1h 2 2h");
    // The short window waits for the second call's unit, the long one for the first's, which leaves it later.
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
fn a_unit_leaves_its_window_exactly_when_the_window_is_over() {
    let server = Server::start();
    let mut client = server.client();
    until_proven(|key| {
        let (_, made) = client.timed(&format!("LW.RATELIMIT {key} 10 100ms 10 1h"));
        let mut polls = 0;
        loop {
            let (answer, now) = client.timed(&format!("LW.PEEK {key} 10 100ms COST 0"));
            if Reply::of(&answer).remaining == 10 {
                assert!(now.to >= made.from + 100, "free at {now:?}, made at {made:?}");
                return polls;
            }
            assert!(now.from < made.to + 100, "still counted at {now:?}, made at {made:?}");
            polls += 1;
        }
    });
}
