//! Internal commands, and a handler that panics.

use super::{EFFECTS, refused, server_with_a_key};
use crate::support::Server;

#[test]
fn an_internal_command_is_refused_from_a_client() {
    let server = server_with_a_key();
    let mut client = server.client();
    client.burst("counted 10 1h");
    let long = vec![0xff; 1 << 20];
    for (command, step) in EFFECTS {
        for payload in [step, b"", b"\0", b"\x01", b"\x02", b"\x02\x01\xff\xff\xff\xff", b"\xff\xff", &long] {
            for key in [&b"held"[..], b"counted", b"fresh"] {
                let message = refused(&mut client, &[command.as_bytes(), key, payload]);
                let hidden = message.contains("unknown command");
                assert!(
                    message.starts_with("ERR ") && (hidden || message.contains("internal")),
                    "{message:?}"
                );
            }
        }
        for args in [&[command][..], &[command, "held"], &[command, "held", "a", "b"]] {
            assert!(refused(&mut client, args).starts_with("ERR "));
        }
    }
}

#[test]
fn an_internal_command_is_refused_inside_a_transaction_and_a_script() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (command, step) in EFFECTS {
        let before = client.footprint();
        let exec = client
            .pipeline(&[&[&b"MULTI"[..]][..], &[command.as_bytes(), b"held", step], &[b"EXEC"]])
            .pop()
            .unwrap();
        // Redis 8 refuses the command when it is queued, older versions when it runs.
        let refusal = if exec.is_error() { exec } else { exec.items()[0].clone() };
        assert!(refusal.is_error());
        assert_eq!(client.footprint(), before);
        let script = format!("return redis.call('{command}', KEYS[1], ARGV[1])");
        refused(&mut client, &[b"EVAL", script.as_bytes(), b"1", b"held", step]);
    }
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn a_panic_in_a_handler_becomes_an_error_reply_and_the_server_keeps_running() {
    let server = Server::builder().may_panic().start();
    let mut client = server.client();
    client.ratelimit("held 10 1h COST 3");
    for panics in 1..=20 {
        let message = refused(&mut client, &["LW.DEBUG", "PANIC"]);
        assert!(message.starts_with("ERR internal error"), "{message:?}");
        assert_eq!(client.info("lockwatch").number("lockwatch_panics_total"), panics);
    }
    let answers =
        client.multi(&["LW.RATELIMIT held 10 1h", "LW.DEBUG panic", "LW.RATELIMIT held 10 1h"]).unwrap();
    assert!(answers[1].error().starts_with("ERR internal error"));
    assert_eq!(answers[2].ints()[2], 5);
    let caught = "local e = redis.pcall('LW.DEBUG', 'PANIC') return e.err";
    assert!(client.call(&["EVAL", caught, "0"]).text().starts_with("ERR internal error"));
    assert_eq!(client.info("lockwatch").number("lockwatch_panics_total"), 22);
    let log = server.log();
    assert_eq!(log.matches("panic caught at ").count(), 22, "each panic is logged with its location:\n{log}");
    assert!(!log.contains("asked for"), "the message may quote what a client sent:\n{log}");
}
