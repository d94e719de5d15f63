//! Users who lack the command, the key, or the right to change it.

use super::{ALL, refused, server_with_a_key};
use crate::support::{Client, Server};

/// A connection of a user with `rules` and nothing more.
fn user(server: &Server, rules: &str) -> Client {
    let allowed = "+ping +info +dbsize +debug";
    assert_eq!(
        server.client().run(&format!("ACL SETUSER guest reset on nopass {allowed} {rules}")).text(),
        "OK"
    );
    let mut client = server.client();
    assert_eq!(client.run("AUTH guest any").text(), "OK");
    client
}

#[test]
fn a_user_without_the_command_is_refused() {
    let server = server_with_a_key();
    let mut client = user(&server, "~*");
    for command in ALL {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
    }
}

#[test]
fn a_user_without_the_key_is_refused() {
    let server = server_with_a_key();
    let mut client = user(&server, "+lw.ratelimit +lw.peek +lw.burst ~mine:*");
    for command in ALL {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
        assert!(!client.run(&format!("{command} mine:{command} 10 60")).is_error());
    }
}

#[test]
fn a_user_who_may_only_read_the_key_may_peek() {
    let server = server_with_a_key();
    let mut client = user(&server, "+lw.ratelimit +lw.peek +lw.burst %R~*");
    assert_eq!(client.peek("held 10 1h COST 0").remaining, 7);
    for command in ["LW.RATELIMIT", "LW.BURST"] {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
    }
}

#[test]
fn a_user_who_may_only_write_the_key_learns_nothing_of_it() {
    let server = server_with_a_key();
    let mut client = user(&server, "+lw.ratelimit +lw.peek +lw.burst %W~*");
    for command in ALL {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
    }
}
