//! A changed policy holds from the next call on, also for keys that exist.

use super::super::support::{Random, Server, Stop, beside};
use super::ok;

#[test]
fn a_changed_limit_holds_for_keys_that_exist() {
    let server = Server::start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET p 3 1h");
    for remaining in [2, 1, 0] {
        assert_eq!(client.ratelimit("k @p").remaining, remaining);
    }
    assert!(client.ratelimit("k @p").limited);
    ok(&mut client, "LW.POLICY SET p 5 1h");
    assert_eq!(client.ratelimit("k @p").remaining, 1);
    ok(&mut client, "LW.POLICY SET p 2 1h");
    let denied = client.ratelimit("k @p");
    assert_eq!((denied.limited, denied.limit), (true, 2));
    ok(&mut client, "LW.POLICY SET p 100 1h 4 1d");
    let denied = client.ratelimit("k @p");
    assert_eq!((denied.limited, denied.limit, denied.remaining), (true, 4, 0));
    client.run("LW.POLICY DEL p");
    assert!(client.run("LW.RATELIMIT k @p").error().starts_with("LWNOPOLICY"));
}

#[test]
fn calls_while_a_policy_changes_fit_one_of_its_states() {
    let server = Server::start();
    ok(&mut server.client(), "LW.POLICY SET p 3 1h");
    let flips = || {
        let mut client = server.client();
        for n in 0..600 {
            let line =
                ["SET p 10 1h 20 1d", "SET p 3 1h", "SET p 0 1s FOR blocked", "DEL p FOR blocked"][n % 4];
            assert!(!client.run(&format!("LW.POLICY {line}")).is_error(), "{line}");
        }
    };
    let load = |thread: usize, stop: &Stop| {
        let mut client = server.client();
        let (mut round, mut limits) = (0_usize, [0_usize; 2]);
        while !stop.is_set() {
            // What the key holds: only this thread calls it.
            let key = format!("{thread}:{round}");
            let mut used = 0;
            for _ in 0..14 {
                let reply = client.ratelimit(&format!("{key} @p"));
                match (reply.limited, reply.limit) {
                    (false, 3) => assert!(used < 3 && reply.remaining == 2 - used),
                    (false, 10) => assert!(used < 10 && reply.remaining == 9 - used),
                    (true, 3) => assert!(used >= 3),
                    (true, 10) => assert!(used >= 10),
                    other => panic!("{other:?} fits neither state"),
                }
                limits[usize::from(reply.limit == 10)] += 1;
                used += i64::from(!reply.limited);
            }
            assert!((3..=10).contains(&used), "{used}");
            let blocked = client.ratelimit("{blocked} @p").limit;
            assert!([0, 3, 10].contains(&blocked));
            round += 1;
        }
        limits
    };
    let ((), seen) = beside(3, load, flips);
    assert!(seen.iter().any(|limits| limits[0] > 0 && limits[1] > 0), "{seen:?}");
}

#[test]
fn random_changes_of_a_policy_never_admit_more_than_its_limits() {
    let server = Server::start();
    let mut client = server.client();
    let mut random = Random::new();
    let mut used = 0;
    for _ in 0..2000 {
        let limit = i64::try_from(random.below(200)).unwrap();
        // Windows that cover the whole test, so every unit counts.
        let window = *random.pick(&["1h", "2h", "1d"]);
        ok(&mut client, &format!("LW.POLICY SET p {limit} {window}"));
        let cost = i64::try_from(1 + random.below(3)).unwrap();
        let reply = client.ratelimit(&format!("k @p COST {cost}"));
        assert_eq!(reply.limited, used + cost > limit, "{used} + {cost} of {limit}");
        used += if reply.limited { 0 } else { cost };
        assert_eq!(reply.remaining, (limit - used).max(0));
    }
    assert!(used > 50);
}
