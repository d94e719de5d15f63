//! Hostile calls get a clear error, write nothing, and leave the server running.

mod access;
mod arguments;
mod contexts;
mod fuzz;
mod internal;
mod keys;
mod threads;

use crate::support::{Client, Server};

/// The limiter's commands, each with the syntax that its error messages show.
const COMMANDS: [(&str, &str); 2] = [
    (
        "LW.RATELIMIT",
        "LW.RATELIMIT key limit window [limit window ...] | @policy [COST n] [FORCE] [WITHTIME]",
    ),
    ("LW.PEEK", "LW.PEEK key limit window [limit window ...] | @policy [COST n]"),
];

/// The limiter's and the burst detector's commands. All take a key, an integer and a window.
const ALL: [&str; 3] = ["LW.RATELIMIT", "LW.PEEK", "LW.BURST"];

/// The effect commands, each with a valid payload: step number 2, time 1, 5 units, no expiry, 512
/// entries, one window, and for a burst no earlier alert. Then a refund of 5 units at time 1, and
/// for leases step number 2 at time 1, which releases the lease with fence 1. For guards step number
/// 2 without changes, after which the key expires at time 5.
const EFFECTS: [(&str, &[u8]); 6] = [
    ("LW._WINDOW", b"\x01\x02\x01\x05\x00\x80\x04\x01\x64"),
    ("LW._WINDOWS", b"\x01\x02\x01\x05\x00\x80\x04\x01\x64"),
    ("LW._BURST", b"\x01\x02\x01\x05\x00\x80\x04\x01\x64\x00\x00\x00"),
    ("LW._WINDOW", b"\x03\x02\x01\x05"),
    ("LW._LEASE", b"\x01\x02\x01\x03\x01\x00"),
    ("LW._GUARD", b"\x01\x02\x00\x00\x05"),
];

/// Starts a server with a limiter key `held`, so that tests can check it stays unchanged.
fn server_with_a_key() -> Server {
    let server = Server::start();
    server.client().ratelimit("held 10 1h COST 3");
    server
}

/// Makes a call that must be refused and returns the error message. The error must be one printable
/// line, and the call must not change anything.
#[track_caller]
pub fn refused<A: AsRef<[u8]>>(client: &mut Client, args: &[A]) -> String {
    let before = client.footprint();
    let answer = client.call(args);
    let shown: Vec<_> = args
        .iter()
        .map(|arg| arg.as_ref()[..arg.as_ref().len().min(80)].escape_ascii().to_string())
        .collect();
    assert!(answer.is_error(), "{shown:?} got the reply {answer:?}");
    let message = answer.error().to_owned();
    let code = message.split(' ').next().unwrap_or_default();
    assert!(code.len() >= 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{message:?}");
    // The server's "unknown command" error repeats the arguments, which may be long or unprintable.
    let own = !message.starts_with("ERR unknown command");
    assert!(
        !own || message.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "not one printable line: {message:?}"
    );
    assert!(!own || message.len() < 400, "too long for an error: {message:?}");
    assert_eq!(client.run("PING").text(), "PONG", "after {shown:?}");
    assert_eq!(client.footprint(), before, "{shown:?} changed something");
    message
}

/// Calls [`malformed_call`] for each of [`COMMANDS`].
#[track_caller]
fn malformed(client: &mut Client, args: &[&[u8]], what: &str) {
    for command in COMMANDS {
        malformed_call(client, command, args, what);
    }
}

/// Like [`refused`], for a command with `args` after its key. The message must start with ERR,
/// contain `what` and end with the syntax.
#[track_caller]
pub fn malformed_call(client: &mut Client, (command, syntax): (&str, &str), args: &[&[u8]], what: &str) {
    let message = refused(client, &[&[command.as_bytes(), b"held"], args].concat());
    assert!(message.starts_with("ERR "), "{message:?}");
    assert!(message.contains(what), "{message:?} does not say {what:?}");
    assert!(message.ends_with(syntax), "{message:?} does not end with the syntax of {command}");
}
