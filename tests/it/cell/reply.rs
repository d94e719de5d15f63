//! The five integers, and the string that a key holds.

use super::{stop, stopped, throttle};

#[test]
fn a_burst_passes_and_then_one_unit_for_each_interval() {
    let (_server, mut client, now) = stopped();
    for used in 1..=5 {
        assert_eq!(throttle(&mut client, "k 4 60 60"), [0, 5, 5 - used, -1, used]);
    }
    assert_eq!(throttle(&mut client, "k 4 60 60"), [1, 5, 0, 1, 5]);
    stop(&mut client, now + 1);
    assert_eq!(throttle(&mut client, "k 4 60 60"), [1, 5, 0, 1, 5]);
    stop(&mut client, now + 999);
    assert_eq!(throttle(&mut client, "k 4 60 60")[..4], [1, 5, 0, 1]);
    stop(&mut client, now + 1000);
    assert_eq!(throttle(&mut client, "k 4 60 60"), [0, 5, 0, -1, 5]);
    stop(&mut client, now + 3500);
    assert_eq!(throttle(&mut client, "k 4 60 60 2"), [0, 5, 0, -1, 5]);
    assert_eq!(throttle(&mut client, "k 4 60 60 2"), [1, 5, 0, 2, 5]);
}

#[test]
fn more_units_than_the_limit_are_denied_for_ever() {
    let (_server, mut client, _) = stopped();
    assert_eq!(throttle(&mut client, "k 4 60 60 6"), [1, 5, 5, -1, 0]);
    assert_eq!(client.run("EXISTS k").int(), 0);
    throttle(&mut client, "k 4 60 60 2");
    assert_eq!(throttle(&mut client, "k 4 60 60 6"), [1, 5, 3, -1, 2]);
    assert_eq!(throttle(&mut client, "k 4 60 60 5"), [1, 5, 3, 2, 2]);
}

#[test]
fn quantity_0_asks_and_a_negative_one_gives_back() {
    let (_server, mut client, now) = stopped();
    assert_eq!(throttle(&mut client, "k 4 60 60 0"), [0, 5, 5, -1, 0]);
    assert_eq!(throttle(&mut client, "k 4 60 60 -3"), [0, 5, 5, -1, 0]);
    assert_eq!(client.run("EXISTS k").int(), 0, "neither creates a key");
    throttle(&mut client, "k 4 60 60 4");
    assert_eq!(throttle(&mut client, "k 4 60 60 0"), [0, 5, 1, -1, 4]);
    assert_eq!(throttle(&mut client, "k 4 60 60 -1"), [0, 5, 2, -1, 3]);
    assert_eq!(client.run("GET k").text(), format!("{}000000", now + 3000));
    assert_eq!(throttle(&mut client, "k 4 60 60 -9"), [0, 5, 5, -1, 0], "not more than was taken");
    assert_eq!(client.run("GET k").text(), format!("{now}000000"));
    assert_eq!(throttle(&mut client, "k 4 60 60"), [0, 5, 4, -1, 1]);
}

#[test]
fn a_key_is_the_string_of_redis_cell() {
    let (_server, mut client, now) = stopped();
    throttle(&mut client, "k 14 30 60 3");
    assert_eq!(client.run("TYPE k").text(), "string");
    assert_eq!(client.run("GET k").text(), format!("{}000000", now + 6000));
    assert_eq!(client.run("PEXPIRETIME k").int(), now + 6000);
    // A part of a millisecond.
    throttle(&mut client, "odd 5 7 1");
    assert_eq!(client.run("GET odd").text(), format!("{}857142", now + 142));
    assert_eq!(client.run("PEXPIRETIME odd").int(), now + 142);
}

#[test]
fn a_string_that_another_client_wrote_is_continued_whatever_its_encoding() {
    let (_server, mut client, now) = stopped();
    // An int, an embedded and a raw string, and a text that only Rust reads as a number.
    let tat = format!("{}000000", now + 2000);
    for (name, text) in [("int", tat.clone()), ("plus", format!("+{tat}")), ("zeros", format!("{tat:0>60}"))]
    {
        client.call(&["SET", name, &text]);
        assert_eq!(throttle(&mut client, &format!("{name} 4 60 60 0")), [0, 5, 3, -1, 2], "{name}");
        assert_eq!(client.run(&format!("GET {name}")).text(), text, "quantity 0 writes nothing");
        assert_eq!(throttle(&mut client, &format!("{name} 4 60 60")), [0, 5, 2, -1, 3], "{name}");
        assert_eq!(client.run(&format!("GET {name}")).text(), format!("{}000000", now + 3000));
        assert_eq!(client.run(&format!("PEXPIRETIME {name}")).int(), now + 3000);
    }
    client.run("APPEND int 0");
    client.run("SET short 5");
    assert_eq!(throttle(&mut client, "short 4 60 60"), [0, 5, 4, -1, 1]);
    assert_eq!(client.run("GET short").text(), format!("{}000000", now + 1000));
}

#[test]
fn a_time_far_in_the_future_denies() {
    let (_server, mut client, _) = stopped();
    client.call(&["SET", "k", &u64::MAX.to_string()]);
    let answer = throttle(&mut client, "k 4 60 60");
    assert_eq!((answer[0], answer[1], answer[2]), (1, 5, 0));
    assert!(answer[3] > 1 << 33 && answer[4] > 1 << 33, "{answer:?}");
    assert_eq!(client.run("GET k").text(), u64::MAX.to_string());
}

#[test]
fn a_clock_that_steps_back_waits_for_the_stored_time() {
    let (_server, mut client, now) = stopped();
    throttle(&mut client, "k 4 60 60 5");
    stop(&mut client, now - 10_000);
    assert_eq!(throttle(&mut client, "k 4 60 60"), [1, 5, 0, 11, 15]);
    assert_eq!(client.run("GET k").text(), format!("{}000000", now + 5000));
}

#[test]
fn the_wall_clock_is_read_in_nanoseconds() {
    let server = super::builder().start();
    let mut client = server.client();
    let mut nanoseconds = Vec::new();
    for n in 0..20 {
        let (answer, at) = client.timed(&format!("CL.THROTTLE k:{n} 4 1 1"));
        assert_eq!(answer.ints(), [0, 5, 4, -1, 1]);
        let tat: i64 = client.run(&format!("GET k:{n}")).text().parse().unwrap();
        assert!(at.plus(1000).contains(tat / 1_000_000), "{tat} {at:?}");
        nanoseconds.push(tat % 1000);
    }
    assert!(nanoseconds.iter().any(|part| *part != 0), "{nanoseconds:?}");
}

#[test]
fn a_key_is_gone_when_its_units_are_free_again() {
    let server = super::builder().start();
    let mut client = server.client();
    assert_eq!(throttle(&mut client, "k 0 20 1"), [0, 1, 0, -1, 1]);
    super::super::support::wait_until("the key expires", || client.run("EXISTS k").int() == 0);
    assert_eq!(throttle(&mut client, "k 0 20 1"), [0, 1, 0, -1, 1]);
}
