//! The command exists only with `cl-throttle yes`, and only if no other module has it.

use super::{builder, throttle};
use crate::support::Server;

#[test]
fn without_the_directive_there_is_no_such_command() {
    for builder in [Server::builder(), Server::builder().module_args("cl-throttle no")] {
        let server = builder.start();
        let mut client = server.client();
        assert!(client.run("CL.THROTTLE k 4 60 60").error().starts_with("ERR unknown command"));
        assert_eq!(client.get("cl-throttle"), "no");
        assert!(!client.run("LW.RATELIMIT k 4 60").is_error());
    }
}

#[test]
fn the_directive_is_set_on_the_loadmodule_line_or_in_redis_conf_and_is_fixed() {
    for builder in [builder(), Server::builder().config("lockwatch.cl-throttle yes")] {
        let server = builder.start();
        let mut client = server.client();
        assert_eq!(throttle(&mut client, "k 4 60 60")[..2], [0, 5]);
        assert_eq!(client.get("cl-throttle"), "yes");
        assert!(client.set_refused("cl-throttle", "no").contains("immutable"));
    }
    let log = Server::builder().module_args("cl-throttle maybe").try_start().err().expect("it is refused");
    assert!(log.contains("cl-throttle must be yes or no"), "{log}");
}

#[test]
fn if_the_name_is_taken_the_log_says_so_and_everything_else_works() {
    // Takes the part of another module's command.
    let server = builder().config("rename-command ECHO CL.THROTTLE").start();
    let mut client = server.client();
    assert_eq!(client.run("CL.THROTTLE echoed").text(), "echoed");
    assert!(!client.run("LW.RATELIMIT k 4 60").is_error());
    let log = server.log();
    let line = "another module has a command CL.THROTTLE, so lockwatch does not add its own: \"cl-throttle yes\" has no effect";
    assert_eq!(log.matches(line).count(), 1, "{log}");
}

#[test]
fn the_command_is_described_as_any_other() {
    let server = builder().start();
    let mut client = server.client();
    let info = client.run("COMMAND INFO CL.THROTTLE");
    let info = info.items()[0].items();
    assert_eq!(info[1].int(), -5);
    let mut flags = info[2].texts();
    flags.sort();
    assert_eq!(flags, ["denyoom", "fast", "module", "write"]);
    assert_eq!([info[3].int(), info[4].int(), info[5].int()], [1, 1, 1]);
    let docs = client.run("COMMAND DOCS CL.THROTTLE");
    let arguments = docs.items()[1].field("arguments");
    let names: Vec<_> = arguments.items().iter().map(|argument| argument.field("name").text()).collect();
    assert_eq!(names, ["key", "max_burst", "count", "period", "quantity"]);
    assert_eq!(client.run("COMMAND GETKEYS CL.THROTTLE name 4 60 60").texts(), ["name"]);
}
