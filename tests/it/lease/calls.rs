//! What the commands reply and when keys expire.

use crate::support::{Server, Value, wait_until};

#[test]
fn leases_are_given_up_to_the_limit_and_again_after_a_release() {
    let server = Server::start();
    let mut client = server.client();
    let leases: Vec<_> = (1..=3)
        .map(|n| {
            let lease = client.acquired("k 3 1h");
            assert_eq!(lease.in_use, n);
            assert!(lease.id.len() == 32 && lease.id.iter().all(u8::is_ascii_hexdigit), "{lease:?}");
            lease
        })
        .collect();
    assert!(leases.windows(2).all(|pair| pair[0].fence < pair[1].fence && pair[0].id != pair[1].id));
    let denied = client.acquire("k 3 1h");
    assert_eq!((denied.acquired, denied.in_use), (0, 3));
    assert!((3_500_000..=3_600_000).contains(&denied.retry_after), "{denied:?}");
    let id = String::from_utf8(leases[1].id.clone()).unwrap();
    assert_eq!(client.release(&format!("k {id}")), 1);
    assert_eq!(client.release(&format!("k {id}")), 0);
    assert_eq!(client.renew(&format!("k {id} 1h")), 0);
    let next = client.acquired("k 3 1h");
    assert!(next.in_use == 3 && next.fence > leases[2].fence);
    for (name, count) in
        [("acquired", 4), ("denied", 1), ("released", 1), ("missed", 2), ("renewed", 0), ("repeated", 0)]
    {
        assert_eq!(client.lease_info(&format!("{name}_total")), count, "{name}");
    }
}

#[test]
fn a_lease_ends_after_its_ttl_and_the_key_with_the_last_one() {
    let server = Server::start();
    let mut client = server.client();
    let (_, at, expires) = client.timed_then("LW.ACQUIRE k 2 300ms ID long", "PEXPIRETIME k");
    assert!(at.plus(300).contains(expires.int()));
    client.acquired("k 2 30ms ID short");
    let denied = client.acquire("k 2 1h");
    assert!((1..=30).contains(&denied.retry_after), "{denied:?}");
    assert_eq!(
        client.acquire("k 2 1h COST 2").retry_after.clamp(31, 300),
        client.acquire("k 2 1h COST 2").retry_after.clamp(31, 300)
    );
    wait_until("the short lease ends", || client.renew("k short 1ms") == 0);
    wait_until("the key expires", || client.run("EXISTS k").int() == 0);
    let (_, at) = client.timed("LW.ACQUIRE k 2 1h");
    assert!(at.from >= expires.int());
}

#[test]
fn the_time_until_a_retry_is_when_enough_units_have_ended() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.time_ms() + 86_400_000;
    client.stop_clock(now);
    for (ttl, cost) in [(100, 2), (200, 1), (300, 4)] {
        client.acquired(&format!("k 10 {ttl}ms COST {cost}"));
    }
    for (limit, cost, retry) in [
        (7, 1, 100),
        (7, 2, 100),
        (7, 3, 200),
        (7, 4, 300),
        (7, 7, 300),
        (7, 8, -1),
        (0, 1, -1),
        (4, 1, 300),
        (1, 1, 300),
    ] {
        let denied = client.acquire(&format!("k {limit} 1h COST {cost}"));
        assert_eq!((denied.acquired, denied.in_use, denied.retry_after), (0, 7, retry), "{limit} {cost}");
    }
    client.stop_clock(now + 99);
    assert_eq!(client.acquire("k 7 1h").retry_after, 1);
    client.stop_clock(now + 100);
    assert_eq!(client.acquired("k 7 1h COST 2").in_use, 7);
}

#[test]
fn a_repeat_prolongs_the_lease_and_is_never_denied() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.time_ms() + 86_400_000;
    client.stop_clock(now);
    let first = client.acquired("k 5 1s ID job COST 3");
    assert_eq!(first.id, b"job");
    client.stop_clock(now + 500);
    let footprint = client.footprint();
    let repeat = client.acquire("k 5 300ms ID job COST 3");
    assert_eq!((repeat.acquired, repeat.in_use, repeat.fence), (2, 3, first.fence));
    assert_eq!(client.footprint(), footprint, "a shorter time changes nothing");
    assert_eq!(client.acquire("k 0 2s ID job COST 3").acquired, 2);
    assert_eq!(client.run("PEXPIRETIME k").int(), now + 2500);
    let message = client.run("LW.ACQUIRE k 5 1s ID job").error().to_owned();
    assert!(message.starts_with("ERR the lease with this ID has the COST 3"), "{message}");
    client.stop_clock(now + 2500);
    let again = client.acquired("k 5 1s ID job");
    assert!(again.fence > first.fence && again.in_use == 1);
}

#[test]
fn a_renewed_lease_lasts_at_least_that_long_from_now() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.time_ms() + 86_400_000;
    client.stop_clock(now);
    client.acquired("k 1 1s ID a");
    let footprint = client.footprint();
    assert_eq!(client.renew("k a 1s"), 1);
    assert_eq!(client.renew("k a 1ms"), 1);
    assert_eq!(client.renew("k b 1h"), 0);
    assert_eq!(client.renew("none a 1h"), 0);
    assert_eq!(client.release("none a"), 0);
    assert_eq!(client.acquire("k 1 1h").acquired, 0);
    assert_eq!(client.footprint(), footprint, "none of these changes anything");
    client.stop_clock(now + 999);
    assert_eq!(client.renew("k a 1s"), 1);
    assert_eq!(client.run("PEXPIRETIME k").int(), now + 1999);
    client.stop_clock(now + 1999);
    assert_eq!(client.renew("k a 1s"), 0);
    assert_eq!(client.acquired("k 1 1h").in_use, 1);
}

#[test]
fn a_clock_that_steps_back_neither_prolongs_a_lease_nor_revives_one() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.time_ms() + 86_400_000;
    client.stop_clock(now);
    client.acquired("k 3 100ms ID ended");
    client.stop_clock(now + 500);
    client.acquired("k 3 1s ID kept");
    client.stop_clock(now - 10_000);
    assert_eq!(client.release("k ended"), 0);
    assert_eq!(client.run("PEXPIRETIME k").int(), now - 9000);
    let footprint = client.footprint();
    let denied = client.acquire("k 1 1h");
    assert_eq!((denied.in_use, denied.retry_after), (1, 1000));
    assert_eq!(client.footprint(), footprint);
    client.stop_clock(now - 9000);
    assert_eq!(client.acquired("k 1 1h").in_use, 1);
}

#[test]
fn the_key_goes_with_its_last_lease() {
    let server = Server::start();
    let mut client = server.client();
    client.acquired("k 2 1h ID a");
    client.acquired("k 2 1h ID b");
    assert_eq!(client.run("TYPE k").text(), "lw-leases");
    assert_eq!(client.release("k a"), 1);
    assert_eq!(client.run("EXISTS k").int(), 1);
    assert_eq!(client.release("k b"), 1);
    assert_eq!(client.run("EXISTS k").int(), 0);
    for delete in ["DEL k", "UNLINK k", "FLUSHALL ASYNC", "SET k text"] {
        client.acquired("k 1 1h ID a");
        assert_eq!(client.acquire("k 1 1h").acquired, 0);
        assert!(!client.run(delete).is_error());
        client.run("DEL k");
    }
}

#[test]
fn a_fence_grows_also_when_the_key_was_gone() {
    let server = Server::start();
    let mut client = server.client();
    let mut last = 0;
    let now = client.time_ms();
    for step in [0, 0, 0, 5, -1000, 0, 2000] {
        client.stop_clock(now + step);
        let lease = client.acquired("k 1 1h ID a");
        assert!(lease.fence > last, "{} after {last}", lease.fence);
        last = lease.fence;
        client.release("k a");
    }
}

#[test]
fn a_key_holds_65536_leases_and_refuses_more_until_one_ends() {
    let server = Server::start();
    let mut client = server.client();
    let ids: Vec<usize> = (0..65_536).collect();
    for batch in ids.chunks(4096) {
        let calls: Vec<_> = batch.iter().map(|id| format!("LW.ACQUIRE k 100000 1h ID {id}")).collect();
        let calls: Vec<Vec<&str>> = calls.iter().map(|call| call.split(' ').collect()).collect();
        client.pipeline(&calls).iter().for_each(|answer| assert!(!answer.is_error(), "{answer:?}"));
    }
    let footprint = client.footprint();
    let message = client.run("LW.ACQUIRE k 100000 1h").error().to_owned();
    assert!(message.starts_with("LWFULL the key holds 65536 leases"), "{message}");
    assert_eq!(client.acquire("k 65536 1h").in_use, 65_536);
    assert_eq!(client.footprint(), footprint);
    assert_eq!(client.acquire("k 100000 1h ID 7").acquired, 2);
    assert_eq!(client.release("k 7"), 1);
    assert_eq!(client.acquired("k 100000 1h").in_use, 65_536);
    let bytes = client.run("MEMORY USAGE k SAMPLES 0").int();
    assert!((4 << 20..16 << 20).contains(&bytes), "{bytes} bytes");
    assert_eq!(client.run("COPY k copy").int(), 1);
    assert_eq!(client.dump("k"), client.dump("copy"));
    assert_eq!(client.run("DEL copy").int(), 1);
    assert_eq!(client.acquire("k 65536 1h").in_use, 65_536);
}

#[test]
fn one_lease_takes_little_memory() {
    let server = Server::start();
    let mut client = server.client();
    client.acquired("user:42 5 1h");
    let bytes = client.run("MEMORY USAGE user:42").int();
    assert!(bytes < 2048, "{bytes} bytes");
    assert_ne!(client.run("DEBUG DIGEST"), Value::Nil);
}
