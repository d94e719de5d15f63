//! The wait that a denied call is told: exact to the millisecond.

use crate::support::{Bracket, Client, Reply, Server, wait_until};

/// Polls `call` until it is admitted; every answer has to name the same moment, `due`, and keep to it.
fn poll_until_admitted(client: &mut Client, call: &str, mut due: Bracket) {
    let mut denials = 0;
    loop {
        let (answer, now) = client.timed(call);
        let reply = Reply::of(&answer);
        if !reply.limited {
            assert!(now.to >= due.from, "admitted at {now:?}, due at {due:?}");
            break;
        }
        assert!(now.from < due.to, "still denied at {now:?}, due at {due:?}");
        due = due.and(now.plus(reply.retry_after));
        denials += 1;
    }
    assert!(denials > 5, "only {denials} denials: that proves little");
    assert!(due.exact().is_some(), "the moment is not known to the millisecond: {due:?}");
}

#[test]
fn a_call_is_denied_until_the_wait_is_over_and_admitted_then() {
    let server = Server::start();
    let mut client = server.client();
    let (_, first) = client.timed("LW.RATELIMIT k 2 250ms");
    client.ratelimit("k 2 250ms");
    poll_until_admitted(&mut client, "LW.RATELIMIT k 2 250ms", first.plus(250));
}

#[test]
fn a_peek_knows_the_same_moment() {
    let server = Server::start();
    let mut client = server.client();
    let (_, only) = client.timed("LW.RATELIMIT k 5 0.2 COST 5");
    poll_until_admitted(&mut client, "LW.PEEK k 5 0.2 COST 4", only.plus(200));
    assert!(!client.ratelimit("k 5 0.2 COST 4").limited);
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
    let (_, first) = client.timed("LW.RATELIMIT k 9 100ms 2 300ms");
    wait_until("the clock moves on", || client.time_ms() > first.to + 5);
    let (_, second) = client.timed("LW.RATELIMIT k 9 100ms 2 300ms");
    // The short window waits for the second call's units, the long one for the first's, which is later.
    let (answer, now) = client.timed("LW.PEEK k 1 100ms 2 300ms");
    let reply = Reply::of(&answer);
    assert_eq!((reply.limited, reply.limit), (true, 2));
    now.plus(reply.retry_after).and(first.plus(300));
    now.plus(reply.reset_after).and(second.plus(300));
    poll_until_admitted(&mut client, "LW.RATELIMIT k 1 100ms 2 300ms", first.plus(300));
}

#[test]
fn a_unit_leaves_its_window_exactly_when_the_window_is_over() {
    let server = Server::start();
    let mut client = server.client();
    let (_, made) = client.timed("LW.RATELIMIT k 10 100ms 10 1h");
    let mut polls = 0;
    loop {
        let (answer, now) = client.timed("LW.PEEK k 10 100ms COST 0");
        if Reply::of(&answer).remaining == 10 {
            assert!(now.to >= made.from + 100, "free at {now:?}, made at {made:?}");
            break;
        }
        assert!(now.from < made.to + 100, "still counted at {now:?}, made at {made:?}");
        polls += 1;
    }
    assert!(polls > 1);
}
