use super::admitted;
use crate::support::{Client, Server, poll_until};

/// Returns the replies of LW.PEEK and LW.RATELIMIT with `args` in the same millisecond, after
/// `setup` on an empty database.
fn both(client: &mut Client, setup: &[&str], args: &str) -> (Vec<i64>, Vec<i64>) {
    let (peek, call) = (format!("LW.PEEK {args}"), format!("LW.RATELIMIT {args}"));
    poll_until("both calls are in one millisecond", || {
        client.run("FLUSHALL");
        setup.iter().for_each(|line| assert!(!client.run(line).is_error(), "{line}"));
        let answers = client.run_all(&["TIME", &peek, &call, "TIME"]);
        let together = answers[0].micros() / 1000 == answers[3].micros() / 1000;
        together.then(|| (answers[1].ints(), answers[2].ints()))
    })
}

#[test]
fn a_peek_replies_as_the_call_would() {
    let server = Server::start();
    let mut client = server.client();
    for (setup, args) in [
        (&[][..], "k 3 60"),
        (&[], "k 3 60 COST 3"),
        (&[], "k 3 60 COST 4"),
        (&[], "k 0 60"),
        (&["LW.RATELIMIT k 3 60"], "k 3 60"),
        (&["LW.RATELIMIT k 3 60"], "k 3 60 1 1s 5 1h"),
        (&["LW.RATELIMIT k 3 60 COST 3"], "k 3 60"),
        (&["LW.RATELIMIT k 3 60 COST 2", "LW.RATELIMIT k 3 60"], "k 3 60 COST 2"),
        (&["LW.RATELIMIT k 9 1h COST 9", "LW.RATELIMIT k 12 1h COST 3"], "k 10 1h 4 1s 11 10s"),
    ] {
        let (peek, call) = both(&mut client, setup, args);
        assert_eq!(peek, call, "{setup:?}, then {args:?}");
    }
}

#[test]
fn a_peek_uses_no_unit() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 2 60");
    for _ in 0..10 {
        assert_eq!(client.peek("k 2 60"), admitted(2, 0, 60_000));
    }
    assert_eq!(client.ratelimit("k 2 60"), admitted(2, 0, 60_000));
}

#[test]
fn a_peek_at_a_missing_key_does_not_create_it() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.peek("k 10 60"), admitted(10, 9, 60_000));
    assert_eq!(client.peek("k 10 60 COST 0"), admitted(10, 10, 0));
    assert!(client.peek("k 10 60 COST 11").limited);
    assert_eq!(client.run("EXISTS k").int(), 0);
    assert_eq!(client.run("DBSIZE").int(), 0);
}

#[test]
fn a_peek_with_cost_zero_reports_the_current_state() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 3 60 COST 2");
    let state = client.peek("k 3 60 COST 0");
    assert_eq!((state.limited, state.limit, state.remaining), (false, 3, 1));
    assert!((1..=60_000).contains(&state.reset_after), "{state:?}");
    client.ratelimit("k 3 60");
    let full = client.peek("k 3 60 COST 0");
    assert_eq!(
        (full.limited, full.remaining, full.retry_after),
        (false, 0, 0),
        "a cost of 0 is never denied"
    );
    assert!(
        full.reset_after >= client.peek("k 3 60").retry_after,
        "the whole quota is free no sooner than a part of it"
    );
}

#[test]
fn reset_after_ends_when_the_newest_unit_leaves() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 3 60");
    let (_, newest) = client.timed("LW.RATELIMIT k 3 60");
    let (state, now) = client.timed("LW.PEEK k 3 60 COST 0");
    now.plus(state.ints()[4]).and(newest.plus(60_000));
}
