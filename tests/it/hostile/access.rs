//! Users without permission for the command, the key, or writing the key.

use super::{ALL, refused, server_with_a_key};
use crate::support::{Client, Server};

/// Connects as a user with `rules` and no other permissions.
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
fn a_user_without_command_permission_is_refused() {
    let server = server_with_a_key();
    let mut client = user(&server, "~*");
    for command in ALL {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
    }
}

#[test]
fn a_user_without_key_permission_is_refused() {
    let server = server_with_a_key();
    let mut client = user(&server, "+lw.ratelimit +lw.peek +lw.burst ~mine:*");
    for command in ALL {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
        assert!(!client.run(&format!("{command} mine:{command} 10 60")).is_error());
    }
}

#[test]
fn a_user_with_read_only_key_permission_may_only_peek() {
    let server = server_with_a_key();
    let mut client = user(&server, "+lw.ratelimit +lw.peek +lw.burst %R~*");
    assert_eq!(client.peek("held 10 1h COST 0").remaining, 7);
    for command in ["LW.RATELIMIT", "LW.BURST"] {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
    }
}

#[test]
fn a_user_with_write_only_key_permission_is_refused() {
    let server = server_with_a_key();
    let mut client = user(&server, "+lw.ratelimit +lw.peek +lw.burst %W~*");
    for command in ALL {
        let message = refused(&mut client, &[command, "held", "10", "1h"]);
        assert!(message.starts_with("NOPERM "), "{message:?}");
    }
}
