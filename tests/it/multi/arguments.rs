//! Hostile arguments get a clear error and change nothing.

use crate::hostile::{malformed_call, refused};
use crate::support::{Client, Server};

const COMMANDS: [(&str, &str); 2] = [
    ("LW.MRATELIMIT", "LW.MRATELIMIT key limit window cost [key limit window cost ...]"),
    ("LW.MPEEK", "LW.MPEEK key limit window cost [key limit window cost ...]"),
];

fn server_with_a_key() -> Server {
    let server = Server::start();
    server.client().mratelimit("held 10 1h 3 other 10 1h 1");
    server
}

/// Asserts that both commands refuse `held` with `args` behind it.
#[track_caller]
fn malformed(client: &mut Client, args: &[&[u8]], what: &str) {
    COMMANDS.iter().for_each(|command| malformed_call(client, *command, args, what));
}

#[test]
fn a_number_of_arguments_that_is_not_a_multiple_of_four_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (command, _) in COMMANDS {
        for args in [&[command][..], &[command, "held"], &[command, "held", "10", "60"]] {
            let message = refused(&mut client, args);
            assert!(message.contains("wrong number of arguments"), "{message:?}");
        }
    }
    let tuple: [&[u8]; 4] = [b"other", b"10", b"60", b"1"];
    for more in [1, 2, 3] {
        let args = [&tuple[1..], &tuple[..more]].concat();
        malformed(&mut client, &args, &format!("{} arguments are not a multiple of 4", 4 + more));
    }
    malformed(&mut client, &[b"10", b"60", b"1", b"COST", b"2"], "there are no options");
    malformed(&mut client, &[b"10", b"60", b"1", b"FORCE"], "there are no options");
    malformed(&mut client, &[b"1".as_slice(); 70_000], "are not a multiple of 4");
}

#[test]
fn sixteen_tuples_are_accepted_and_a_seventeenth_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    let names: Vec<String> = (0..17).map(|n| format!("k{n}")).collect();
    let tuples = |n: usize| names[..n].iter().flat_map(|name| [name.as_bytes(), b"10", b"60", b"1"]);
    for (command, _) in COMMANDS {
        let sixteen: Vec<&[u8]> = std::iter::once(command.as_bytes()).chain(tuples(16)).collect();
        assert_eq!(client.call(&sixteen).ints().len(), 4 + 3 * 16);
        let behind_held =
            |n| [b"10".as_slice(), b"60", b"1"].into_iter().chain(tuples(n)).collect::<Vec<_>>();
        malformed(&mut client, &behind_held(16), "more than 16 limits");
    }
    assert!((0..16).all(|n| client.peek(&format!("k{n} 10 60 COST 0")).remaining == 9));
    let many = [&b"k"[..], b"10", b"60", b"1"].repeat(5_000);
    malformed(&mut client, &[&[b"10".as_slice(), b"60", b"1"], &many[..]].concat(), "more than 16 limits");
}

#[test]
fn a_key_has_up_to_eight_limits_and_one_cost() {
    let server = server_with_a_key();
    let mut client = server.client();
    let line = |n: i64| (1..=n).map(|i| format!("k {} {i}m 2", 10 * i)).collect::<Vec<_>>().join(" ");
    assert_eq!(client.mratelimit(&line(8)).remaining(), [8, 18, 28, 38, 48, 58, 68, 78]);
    let held = |n| [&b"held"[..], b"10", b"1h", b"1"].repeat(n)[1..].to_vec();
    malformed(&mut client, &held(9), "key 'held' has more than 8 limits");
    malformed(&mut client, &held(16), "key 'held' has more than 8 limits");
    let two = [&b"10"[..], b"60", b"1", b"other", b"10", b"60", b"1", b"held", b"100", b"1h", b"2"];
    malformed(&mut client, &two, "key 'held' has two costs, 1 and 2");
    let zero = [&b"10"[..], b"60", b"0", b"held", b"100", b"1h", b"1"];
    malformed(&mut client, &zero, "key 'held' has two costs, 0 and 1");
}

#[test]
fn numbers_out_of_range_are_refused_in_any_tuple() {
    let server = server_with_a_key();
    let mut client = server.client();
    let sound: [&[u8]; 4] = [b"other", b"10", b"60", b"1"];
    for bad in ["", "-1", "+1", "01", "1.0", "1e3", "nan", "inf", " 1", "1\0", "9007199254740992", "1\u{661}"]
    {
        for (place, name) in [(1, "limit"), (3, "cost")] {
            let mut tuple = sound;
            tuple[place] = bad.as_bytes();
            malformed(&mut client, &tuple[1..], &format!("{name} '"));
            malformed(&mut client, &[&sound[1..], &tuple].concat(), &format!("{name} '"));
        }
    }
    for cost in ["4294967296", "18446744073709551615", "18446744073709551616", "-9223372036854775808"] {
        let what = format!("cost '{cost}' is not an integer from 0 to 4294967295");
        malformed(&mut client, &[b"10", b"60", cost.as_bytes()], &what);
    }
    for window in ["", "0", "-1", "1w", "3651d", "nan", "60\0", "1h30m", "-"] {
        let mut tuple = sound;
        tuple[2] = window.as_bytes();
        malformed(&mut client, &tuple[1..], "window '");
        malformed(&mut client, &[&sound[1..], &tuple].concat(), "window '");
    }
    malformed(&mut client, &[&[b'9'; 1 << 20], b"60", b"1"], "limit '999");
    malformed(&mut client, &[b"10", b"\xff\xfe", b"1"], r"window '\xff\xfe' is not a duration");
}

#[test]
fn the_bounds_of_each_range_are_accepted() {
    let server = Server::start();
    let mut client = server.client();
    for (command, _) in COMMANDS {
        for tuple in ["0 60 0", "9007199254740991 1ms 4294967295", "1 3650d 1", "4294967295 0.001 4294967295"]
        {
            assert_eq!(client.run(&format!("{command} k {tuple} l 1 60 0")).ints().len(), 10, "{tuple}");
        }
    }
}

#[test]
fn an_unknown_policy_is_refused_and_so_is_one_with_a_window() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (command, _) in COMMANDS {
        for args in [
            &[command, "held", "@login", "-", "1"][..],
            &[command, "held", "10", "60", "1", "other", "@", "-", "1"],
        ] {
            let message = refused(&mut client, args);
            assert!(message.starts_with("LWNOPOLICY "), "{message:?}");
        }
    }
    malformed(&mut client, &[b"@login", b"60", b"1"], "window '60' of a policy is not -");
}

#[test]
fn a_refused_call_is_not_counted() {
    let server = server_with_a_key();
    let mut client = server.client();
    let before = client.info("lockwatch").fields;
    malformed(&mut client, &[b"-1", b"60", b"1"], "limit '-1'");
    assert_eq!(client.info("lockwatch").fields, before);
}
