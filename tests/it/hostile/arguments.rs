//! Arguments that are missing, too many, misspelt, out of range, or not numbers.

use super::{ALL, COMMANDS, malformed, refused, server_with_a_key};

const BIG: &[u8] = &[b'9'; 1 << 20];

#[test]
fn too_few_arguments_are_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for command in ALL {
        for args in [&[command][..], &[command, "held"]] {
            let message = refused(&mut client, args);
            assert!(message.contains("wrong number of arguments"), "{message:?}");
        }
    }
    assert!(refused(&mut client, &["LW.BURST", "held", "10"]).contains("wrong number of arguments"));
    malformed(&mut client, &[b"10"], "limit '10' has no window");
}

#[test]
fn a_limit_without_a_window_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    malformed(&mut client, &[b"10", b"60", b"20"], "limit '20' has no window");
    malformed(&mut client, &[b"10", b"60", b"20", b"1h", b"30"], "limit '30' has no window");
    malformed(&mut client, &[b"COST", b"1"], "limit and window are missing");
}

#[test]
fn eight_pairs_are_accepted_and_a_ninth_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    let pairs = |n: usize| [&b"10"[..], b"60"].repeat(n);
    malformed(&mut client, &pairs(9), "more than 8");
    malformed(&mut client, &[&pairs(9)[..], &[b"COST", b"1"]].concat(), "more than 8");
    malformed(&mut client, &pairs(5000), "more than 8");
    for (command, _) in COMMANDS {
        let args = [&[command.as_bytes(), b"k"], &pairs(8)[..]].concat();
        assert_eq!(client.call(&args).ints()[0], 0);
    }
}

#[test]
fn a_limit_that_is_not_an_integer_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for limit in
        ["", "-1", "+1", "01", "00", "-0", "1.0", "1e3", " 1", "1 ", "1_000", "100/60", "0x10", "1\u{661}"]
    {
        malformed(&mut client, &[limit.as_bytes(), b"60"], "is not an integer");
    }
    for (limit, shown) in [
        (&b"1\0"[..], r"limit '1\x00' is not an integer"),
        (b"1\r\n2", r"limit '1\x0d\x0a2' is not an integer"),
        (b"\xff\xfe", r"limit '\xff\xfe' is not an integer"),
        (b"'; FLUSHALL", r"limit '\'; FLUSHALL' is not an integer"),
    ] {
        malformed(&mut client, &[limit, b"60"], shown);
    }
}

#[test]
fn a_limit_written_as_a_word_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for limit in ["NaN", "nan", "inf", "-inf", "Infinity", "ten", "null", "true"] {
        malformed(&mut client, &[limit.as_bytes(), b"60"], &format!("limit '{limit}' is not an integer"));
    }
}

#[test]
fn a_limit_out_of_range_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for limit in [
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e400",
    ] {
        malformed(&mut client, &[limit.as_bytes(), b"60"], &format!("limit '{limit}' is "));
        malformed(&mut client, &[b"10", b"60", limit.as_bytes(), b"1h"], &format!("limit '{limit}' is "));
    }
    malformed(&mut client, &[BIG, b"60"], "limit '999");
}

#[test]
fn the_bounds_of_each_range_are_accepted() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (command, _) in COMMANDS {
        for args in ["0 60", "9007199254740991 60", "1 0.001", "1 1ms", "1 3650d", "1 315360000s"] {
            assert!(!client.run(&format!("{command} k {args}")).is_error(), "{command} {args}");
        }
        for cost in ["1", "4294967295"] {
            assert!(
                !client.run(&format!("{command} k 10 60 COST {cost}")).is_error(),
                "{command} COST {cost}"
            );
        }
    }
    assert!(!client.run("LW.PEEK k 10 60 COST 0").is_error());
}

#[test]
fn a_window_that_is_not_a_duration_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for window in [
        "",
        ".",
        "-1",
        "+60",
        "-0",
        "nan",
        "inf",
        "1e3",
        "1e400",
        "1,5",
        "1..2",
        "60 ",
        " 60",
        "60x",
        "1w",
        "60ss",
        "1h30m",
        "60 s",
        "ms",
        "0x3c",
        "-9223372036854775808",
    ] {
        malformed(&mut client, &[b"10", window.as_bytes()], &format!("window '{window}' is not a duration"));
        malformed(
            &mut client,
            &[b"10", b"60", b"20", window.as_bytes()],
            &format!("window '{window}' is not a duration"),
        );
    }
    malformed(&mut client, &[b"10", b"60\0"], r"window '60\x00' is not a duration");
    malformed(&mut client, &[b"10", b"6\n0"], r"window '6\x0a0' is not a duration");
    malformed(&mut client, &[b"10", b"\xc3\x28"], r"window '\xc3(' is not a duration");
    malformed(&mut client, &[b"10", &[b'x'; 1 << 20]], "window 'xxx");
}

#[test]
fn a_window_out_of_range_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for window in [
        "0",
        "0.0",
        "0s",
        "0d",
        "0.0009",
        "0.9ms",
        "3650.1d",
        "3651d",
        "315360001",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551615d",
        "99999999999999999999999999999999999999999999999999999999999999999999",
    ] {
        malformed(&mut client, &[b"10", window.as_bytes()], "is out of range: one millisecond to ten years");
    }
    malformed(&mut client, &[b"10", BIG], "window '999");
}

#[test]
fn a_cost_that_is_not_an_integer_in_range_is_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    for cost in [
        "",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e3",
        "nan",
        "inf",
        "1e400",
        "ten",
        "4294967296",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
    ] {
        malformed(
            &mut client,
            &[b"10", b"60", b"COST", cost.as_bytes()],
            &format!("cost '{cost}' is not an integer from "),
        );
    }
    malformed(&mut client, &[b"10", b"60", b"COST", BIG], "cost '999");
    malformed(&mut client, &[b"10", b"60", b"COST", b"1\0"], r"cost '1\x00' is not");
    let message = refused(&mut client, &"LW.RATELIMIT held 10 60 COST 0".split(' ').collect::<Vec<_>>());
    assert!(message.contains("cost '0' is not an integer from 1 to 4294967295"), "{message:?}");
}

#[test]
fn options_that_are_repeated_misplaced_or_without_a_value_are_refused() {
    let server = server_with_a_key();
    let mut client = server.client();
    malformed(&mut client, &[b"10", b"60", b"COST"], "COST has no value");
    malformed(&mut client, &[b"10", b"60", b"COST", b"1", b"COST", b"1"], "COST is given twice");
    malformed(&mut client, &[b"10", b"60", b"COST", b"1", b"cost"], "COST is given twice");
    malformed(&mut client, &[b"10", b"60", b"COST", b"1", b"20", b"1h"], "'20'");
    malformed(&mut client, &[b"10", b"60", b"COST", b"COST"], "cost 'COST' is not an integer");
}

#[test]
fn the_error_for_a_misspelt_option_suggests_the_nearest_one() {
    let server = server_with_a_key();
    let mut client = server.client();
    for option in ["COTS", "costs", "Kost", "CSOT", "COST=1", "COS"] {
        malformed(
            &mut client,
            &[b"10", b"60", option.as_bytes(), b"1"],
            &format!("'{option}', did you mean COST?"),
        );
    }
    for word in ["C", "PX", "LIMIT", "something else"] {
        malformed(&mut client, &[b"10", b"60", word.as_bytes(), b"1"], &format!("unknown option '{word}'"));
    }
    malformed(&mut client, &[b"10", b"60", b"COST\0", b"1"], r"'COST\x00', did you mean COST?");
    malformed(&mut client, &[b"10", b"60", b"CO\xffST", b"1"], r"'CO\xffST', did you mean COST?");
    malformed(&mut client, &[b"10", b"60", &[b'C'; 1 << 20], b"1"], "'CCC");
    malformed(&mut client, &[b"10", b"60", b"PRICE", b"1"], "unknown option 'PRICE': LW.");
    malformed(&mut client, &[b"abc", b"60"], "limit 'abc' is not an integer");
}

#[test]
fn a_refused_call_is_not_counted() {
    let server = server_with_a_key();
    let mut client = server.client();
    let before = client.info("lockwatch").fields;
    malformed(&mut client, &[b"-1", b"60"], "limit '-1'");
    assert_eq!(client.info("lockwatch").fields, before);
}
