//! MODULE LIST, LOAD and UNLOAD, and commands that describe a key.

use crate::support::{Client, Server, Value};

/// The module's entry in MODULE LIST.
fn entry(client: &mut Client) -> Option<Value> {
    let list = client.run("MODULE LIST");
    list.items().iter().find(|module| module.field("name").text() == "lockwatch").cloned()
}

/// Starts a server without the module. Returns it with the path of the module.
fn server_to_load_it() -> (Server, String) {
    let server = Server::builder().without_module().start();
    let path = server.put_module();
    (server, path)
}

#[test]
fn module_list_reports_the_crate_version() {
    let server = Server::start();
    let parts: Vec<i64> = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap()).collect();
    let entry = entry(&mut server.client()).unwrap();
    assert_eq!(entry.field("ver").int(), parts[0] * 10_000 + parts[1] * 100 + parts[2]);
}

#[test]
fn the_module_can_be_loaded_while_the_server_runs() {
    let (server, path) = server_to_load_it();
    let mut client = server.client();
    assert_eq!(client.run(&format!("MODULE LOAD {path} window-max-entries 64")).text(), "OK");
    assert_eq!(client.run("CONFIG GET lockwatch.window-max-entries").texts()[1], "64");
    assert!(!client.ratelimit("k 1 60").limited);
    assert!(client.ratelimit("k 1 60").limited);
    assert_eq!(client.info("lockwatch").number("lockwatch_ratelimit_denied_total"), 1);
}

#[test]
fn a_failed_module_load_leaves_no_trace() {
    let (server, path) = server_to_load_it();
    let mut client = server.client();
    for load in [
        format!("MODULE LOAD {path} window-max-entries 64 nonsense 1"),
        format!("MODULE LOAD {path} window-max-entries 0"),
        format!("MODULE LOADEX {path} CONFIG lockwatch.window-max-entries 0"),
    ] {
        assert!(client.run(&load).is_error(), "{load}");
        assert_eq!(entry(&mut client), None, "{load}");
        assert!(client.run("LW.RATELIMIT k 1 60").error().contains("unknown command"));
        assert_eq!(client.run("CONFIG GET lockwatch.*"), Value::Array(vec![]));
        assert_eq!(client.info("everything").fields.get("lockwatch_version"), None);
    }
    assert_eq!(
        client.run(&format!("MODULE LOADEX {path} CONFIG lockwatch.window-max-entries 65")).text(),
        "OK"
    );
    assert_eq!(client.run("CONFIG GET lockwatch.window-max-entries").texts()[1], "65");
    assert!(!client.ratelimit("k 1 60").limited);
}

#[test]
fn arguments_of_a_failed_load_do_not_affect_the_next_load() {
    let (server, path) = server_to_load_it();
    let mut client = server.client();
    assert!(client.run(&format!("MODULE LOAD {path} window-max-entries 64 nonsense 1")).is_error());
    assert_eq!(client.run(&format!("MODULE LOAD {path}")).text(), "OK");
    assert_eq!(client.run("CONFIG GET lockwatch.window-max-entries").texts()[1], "512");
}

#[test]
fn the_module_cannot_be_unloaded() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 2 60");
    let refusal = client.run("MODULE UNLOAD lockwatch");
    assert!(refusal.error().contains("data types"), "{refusal:?}");
    assert_eq!(client.ratelimit("k 2 60").remaining, 0);
}

#[test]
fn the_module_cannot_be_loaded_twice() {
    let server = Server::start();
    let mut client = server.client();
    let path = entry(&mut client).and_then(|entry| entry.field_if_any("path").map(Value::text)).unwrap();
    client.ratelimit("k 2 60");
    assert!(client.run(&format!("MODULE LOAD {path}")).is_error());
    assert_eq!(client.ratelimit("k 2 60").remaining, 0);
}

#[test]
fn the_log_of_a_second_load_says_what_to_look_for() {
    const REASON: &str = "lockwatch is loaded already";
    // The same file, as in a configuration with two lines.
    let Err(log) = Server::builder().config("loadmodule ./liblockwatch.so").try_start() else {
        panic!("the server started with two loadmodule lines")
    };
    assert!(log.contains(REASON) && log.contains("CONFIG REWRITE") && log.contains("--loadmodule"), "{log}");
    // Another copy, as from an image's modules folder.
    let server = Server::start();
    let copy = server.dir().join("copy.so");
    std::fs::copy(server.dir().join("liblockwatch.so"), &copy).unwrap();
    assert!(server.client().run(&format!("MODULE LOAD {}", copy.display())).is_error());
    assert!(server.log().contains(REASON), "{}", server.log());
    assert!(!server.client().ratelimit("k 1 60").limited);
}

#[test]
fn a_limiter_key_has_its_own_type() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 2 60");
    client.run("SET text x");
    assert_eq!(client.run("TYPE k").text(), "lw-window");
    assert_eq!(client.run("OBJECT ENCODING k").text(), "raw");
    assert_eq!(client.run("OBJECT REFCOUNT k").int(), 1);
    assert!(client.run("OBJECT IDLETIME k").int() < 60);
    assert!(client.run("DEBUG OBJECT k").text().contains("serializedlength:"));
    assert_eq!(client.run("SCAN 0 COUNT 100 TYPE lw-window").items()[1].texts(), ["k"]);
}
