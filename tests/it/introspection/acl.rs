//! ACL categories, on servers that support them for modules.

use crate::support::{Client, Server};

/// Connects as a user with the ACL `rules` and access to all keys.
fn user(server: &Server, rules: &str) -> Client {
    assert_eq!(server.client().run(&format!("ACL SETUSER guest reset on nopass ~* {rules}")).text(), "OK");
    let mut client = server.client();
    assert_eq!(client.run("AUTH guest any").text(), "OK");
    client
}

/// Returns whether a user with `rules` may run LW.RATELIMIT, LW.PEEK and LW.BURST.
fn allowed(server: &Server, rules: &str) -> [bool; 3] {
    let mut client = user(server, rules);
    ["LW.RATELIMIT k 1 60", "LW.PEEK k 1 60", "LW.BURST calls 1 60"].map(|call| !client.run(call).is_error())
}

#[test]
fn each_command_can_be_granted_by_name() {
    let server = Server::start();
    assert_eq!(allowed(&server, "+lw.ratelimit"), [true, false, false]);
    assert_eq!(allowed(&server, "+lw.peek"), [false, true, false]);
    assert_eq!(allowed(&server, "+lw.burst"), [false, false, true]);
    assert_eq!(allowed(&server, "+@all -lw.ratelimit"), [false, true, true]);
}

#[test]
fn commands_are_in_the_servers_acl_categories() {
    let server = Server::start();
    if !server.is_at_least((7, 2), (7, 2)) {
        // These servers cannot put a module's command into a category.
        assert_eq!(allowed(&server, "+@write +@read +@fast"), [false; 3]);
        return;
    }
    assert_eq!(allowed(&server, "+@write"), [true, false, true]);
    assert_eq!(allowed(&server, "+@read"), [false, true, false]);
    assert_eq!(allowed(&server, "+@fast"), [true; 3]);
    assert_eq!(allowed(&server, "+@all -@dangerous -@admin"), [true; 3]);
    let info = server.client().run("COMMAND INFO LW.RATELIMIT LW.PEEK");
    let categories = |command: usize| info.items()[command].items()[6].texts();
    for category in ["@write", "@fast"] {
        assert!(categories(0).contains(&category.to_owned()), "{:?}", categories(0));
    }
    for category in ["@read", "@fast"] {
        assert!(categories(1).contains(&category.to_owned()), "{:?}", categories(1));
    }
}

#[test]
fn the_module_has_its_own_acl_category() {
    let server = Server::start();
    if !server.is_at_least((7, 4), (8, 0)) {
        assert!(server.client().run("ACL CAT lockwatch").is_error());
        return;
    }
    assert_eq!(allowed(&server, "+@lockwatch"), [true; 3]);
    assert_eq!(allowed(&server, "+@all -@lockwatch"), [false; 3]);
    // LW.TOP shows the names of keys that the caller may have no right to.
    assert!(user(&server, "+@lockwatch").run("LW.TOP").error().starts_with("NOPERM"));
    assert!(user(&server, "+@all -@admin").run("LW.TOP").error().starts_with("NOPERM"));
    // LW.ALERTS is an administrative command, so the module's category does not include it.
    assert!(user(&server, "+@lockwatch").run("LW.ALERTS LIST").error().starts_with("NOPERM"));
    assert!(user(&server, "+@all -@dangerous").run("LW.ALERTS REPLAY ALL").error().starts_with("NOPERM"));
    assert!(!user(&server, "+@lockwatch").run("LW.ALERT a 1").is_error());
    let commands = server.client().run("ACL CAT lockwatch").texts();
    assert!(commands.iter().any(|name| name.eq_ignore_ascii_case("lw.ratelimit")), "{commands:?}");
}
