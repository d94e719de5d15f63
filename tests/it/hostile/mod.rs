//! Hostile calls: a clear error, the server alive, nothing written.

mod access;
mod arguments;
mod contexts;
mod fuzz;
mod internal;
mod keys;

use crate::support::{Client, Server};

/// The limiter's commands, each with the syntax that its errors name.
const COMMANDS: [(&str, &str); 2] = [
    ("LW.RATELIMIT", "LW.RATELIMIT key limit window [limit window ...] [COST n]"),
    ("LW.PEEK", "LW.PEEK key limit window [limit window ...] [COST n]"),
];

/// Every command that a client may call. All of them take a key, an integer and a window.
const ALL: [&str; 3] = ["LW.RATELIMIT", "LW.PEEK", "LW.BURST"];

/// The effect commands, each with a step that it would take: number 2, time 1, 5 units, no expiry, 512 entries, one
/// window, and of a burst a memory without alert.
const EFFECTS: [(&str, &[u8]); 2] = [
    ("LW._WINDOW", b"\x01\x02\x01\x05\x00\x80\x04\x01\x64"),
    ("LW._BURST", b"\x01\x02\x01\x05\x00\x80\x04\x01\x64\x00\x00\x00"),
];

/// A server that holds a key `held` of the limiter, so that there is something to damage.
fn server_with_a_key() -> Server {
    let server = Server::start();
    server.client().ratelimit("held 10 1h COST 3");
    server
}

/// Makes a call that has to be refused, and checks what holds of every refusal. Returns its message.
#[track_caller]
pub fn refused<A: AsRef<[u8]>>(client: &mut Client, args: &[A]) -> String {
    let before = client.footprint();
    let answer = client.call(args);
    let shown: Vec<_> = args
        .iter()
        .map(|arg| arg.as_ref()[..arg.as_ref().len().min(80)].escape_ascii().to_string())
        .collect();
    assert!(answer.is_error(), "{shown:?} is answered {answer:?}");
    let message = answer.error().to_owned();
    let code = message.split(' ').next().unwrap_or_default();
    assert!(code.len() >= 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{message:?}");
    // The server's own word about a command that it hides repeats the arguments, whatever they are.
    let own = !message.starts_with("ERR unknown command");
    assert!(
        !own || message.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "not one printable line: {message:?}"
    );
    assert!(!own || message.len() < 400, "too long for an error: {message:?}");
    assert_eq!(client.run("PING").text(), "PONG", "after {shown:?}");
    assert_eq!(client.footprint(), before, "{shown:?} has left a trace");
    message
}

/// As [`refused`], for every command with `args` behind its key; the message starts with ERR, contains `what` and
/// names the command's syntax.
#[track_caller]
fn malformed(client: &mut Client, args: &[&[u8]], what: &str) {
    for command in COMMANDS {
        malformed_call(client, command, args, what);
    }
}

/// As [`refused`], for a command (with the syntax that its errors name) with `args` behind its key; the message starts
/// with ERR, contains `what` and names the syntax.
#[track_caller]
pub fn malformed_call(client: &mut Client, (command, syntax): (&str, &str), args: &[&[u8]], what: &str) {
    let message = refused(client, &[&[command.as_bytes(), b"held"], args].concat());
    assert!(message.starts_with("ERR "), "{message:?}");
    assert!(message.contains(what), "{message:?} does not say {what:?}");
    assert!(message.ends_with(syntax), "{message:?} does not end with the syntax of {command}");
}
