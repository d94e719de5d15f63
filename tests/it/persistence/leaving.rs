//! `docs/guides/operate/leave.md`: after its steps, a server without the module loads the RDB and
//! the AOF.

use std::process::Command;

use super::super::support::{Builder, Client, Server, wait_until};

const GUIDE: &str = include_str!("../../../docs/guides/operate/leave.md");

/// The shell commands of the guide, in order.
fn commands() -> Vec<String> {
    let blocks = GUIDE.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().expect("a block ends").to_owned()).collect()
}

/// Runs shell commands of the guide with a redis-cli that talks to `server`.
#[track_caller]
fn run(server: &Server, commands: &str) -> String {
    let port = server.address().port();
    let script = format!("set -e\nredis-cli() {{ command redis-cli -e -p {port} \"$@\"; }}\n{commands}");
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    assert!(output.status.success(), "{commands}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Uses every part of the module.
#[track_caller]
fn use_everything(client: &mut Client) {
    client.run("SET other value");
    for n in 0..2500 {
        client.ratelimit(&format!("limit:{n} 10 3600"));
    }
    client.call(&[&b"LW.RATELIMIT"[..], b"a \n'\"\xff", b"1", b"60"]);
    for _ in 0..3 {
        client.run("LW.BURST burst 2 60");
    }
    client.run("LW.EVENT login failure IP 203.0.113.9 USER alice");
    wait_until("a session is issued", || !client.run("LW.ISSUE auth alice").is_error());
    client.run("LW.POLICY SET login 5 1m");
    client.run("LW.POLICY SET login 0 1s FOR tenant7");
    client.run("LW.ALERT custom {} DEDUP text COOLDOWN 1h");
    for n in 0..10 {
        client.audit(&format!("USER {n}"));
    }
}

fn with(aof: &str, preamble: &str) -> Builder {
    Server::builder().config(format!("appendonly {aof}")).config(format!("aof-use-rdb-preamble {preamble}"))
}

#[test]
fn after_the_documented_steps_a_server_without_the_module_loads_the_data() {
    let [delete_keys, purge, delete_policies, save, rewrite] = &commands()[..] else { panic!("five blocks") };
    for (aof, preamble) in [("no", "yes"), ("yes", "yes"), ("yes", "no")] {
        let mut server = with(aof, preamble).start();
        use_everything(&mut server.client());
        run(&server, delete_keys);
        let keys = server.client().run("KEYS *").texts();
        assert_eq!(keys, ["other"]);
        assert!(run(&server, purge).contains("audit_events"));
        run(&server, delete_policies);
        assert_eq!(server.info("lockwatch").number("lockwatch_policies"), 0);
        if !server.is_at_least((7, 2), (7, 2)) {
            run(&server, save);
            let data = server.into_data();
            server = with(aof, preamble).module_args("journal no").data_dir(data).start();
            assert_eq!(server.info("lockwatch").text("lockwatch_journal"), "0");
        }
        run(&server, save);
        if aof == "yes" {
            run(&server, rewrite);
            server.client().wait_for_aof_rewrite();
        }
        let data = server.into_data();
        let server = with(aof, preamble).without_module().data_dir(data).start();
        let mut client = server.client();
        assert_eq!(client.run("GET other").text(), "value", "appendonly {aof}, preamble {preamble}");
        assert_eq!(client.run("DBSIZE").int(), 1);
        assert!(client.run("LW.PEEK limit:1 10 3600").is_error());
    }
}

#[test]
fn a_limiter_alone_with_journal_no_leaves_nothing_when_its_keys_are_gone() {
    for (aof, preamble) in [("no", "yes"), ("yes", "yes"), ("yes", "no")] {
        let server = with(aof, preamble).module_args("journal no").start();
        let mut client = server.client();
        client.run("SET other value");
        client.ratelimit("brief 1 1ms");
        wait_until("the key has expired", || client.run("DBSIZE").int() == 1);
        client.run("SAVE");
        if aof == "yes" {
            // The AOF has the effects of the limiter until it is rewritten.
            client.run("BGREWRITEAOF");
            client.wait_for_aof_rewrite();
        }
        let data = server.into_data();
        let server = with(aof, preamble).without_module().data_dir(data).start();
        assert_eq!(server.client().run("GET other").text(), "value", "appendonly {aof}, preamble {preamble}");
    }
}
