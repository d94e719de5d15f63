//! LW.RULES, and the directives that rules come from.

use std::fs;

use crate::hostile::refused;
use crate::support::{Client, Server, Value};

const FILE: &str = "# ours\r\nshop slow  user failure 3 leak 90s challenge 1.5h alert enforce\r\n\
    * all ip failure,x 2 users leak 1m quiet 5m ban 1m max 1h observe # every guard\n\n\
    web.1 all key 404 3 gaps over 500ms alert observe\n";

/// What LW.RULES replies for [`FILE`].
const LINES: [&str; 3] = [
    "shop slow user failure 3 leak 90s challenge 90m alert enforce",
    "* all ip failure,x 2 users leak 1m quiet 5m ban 1m max 1h observe",
    "web.1 all key 404 3 gaps over 500ms alert observe",
];

/// The path of a file with these contents.
fn file(server: &Server, contents: &str) -> String {
    let path = server.dir().join("rules");
    fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn rules(client: &mut Client) -> Vec<String> {
    client.run("LW.RULES").texts()
}

#[test]
fn the_built_in_rules_are_replaced_by_those_of_a_file_and_come_back() {
    let server = Server::start();
    let mut client = server.client();
    let built_in = rules(&mut client);
    assert_eq!(built_in.len(), 12);
    assert_eq!(built_in[0], "login guess pair attempt 5 leak 2m challenge 15m enforce");
    client.set("guard-rules-file", &file(&server, FILE));
    assert_eq!(rules(&mut client), LINES);
    client.set("guard-rules-file", "");
    assert_eq!(rules(&mut client), built_in);
}

#[test]
fn a_name_lists_the_rules_of_its_guard_and_those_of_every_guard() {
    let server = Server::start();
    let mut client = server.client();
    client.set("guard-rules-file", &file(&server, FILE));
    let [slow, all, web] = LINES;
    for (name, lines) in [
        ("shop", &[slow, all][..]),
        ("lw:shop:{t7}", &[slow, all]),
        ("shop{t7}", &[slow, all]),
        ("web.1:a", &[web]),
        ("*", &[all]),
    ] {
        assert_eq!(client.call(&["LW.RULES", name]).texts(), lines, "{name}");
    }
    client.run("HELLO 3");
    assert_eq!(client.run("LW.RULES shop").texts(), [slow, all]);
    for (name, error) in [
        (&b"shopp"[..], "LWNORULE there are no rules for 'shopp', did you mean shop?"),
        (b"{shop}", "LWNORULE there are no rules for '{shop}': there are rules for shop, web.1; the name"),
        (b"a\0\r\n\xff", r"LWNORULE there are no rules for 'a\x00\x0d\x0a\xff': there are rules for"),
        (&[b':'; 100_000], "LWNORULE there are no rules for '::::"),
    ] {
        let why = refused(&mut client, &[b"LW.RULES", name]);
        assert!(why.starts_with(error), "{why}");
    }
    assert!(refused(&mut client, &["LW.RULES", "shop", "web"]).ends_with(": LW.RULES [name]"));
}

#[test]
fn what_lw_rules_prints_can_be_loaded_again() {
    let server = Server::start();
    let mut client = server.client();
    let built_in = rules(&mut client);
    client.set("guard-rules-file", &file(&server, &built_in.join("\n")));
    assert_eq!(rules(&mut client), built_in);
    fs::write(server.dir().join("rules"), LINES.join("\n")).unwrap();
    assert_eq!(client.run("LW.RELOAD").text(), "OK");
    assert_eq!(rules(&mut client), LINES);
}

#[test]
fn a_bad_file_is_refused_with_its_line_and_the_old_rules_stay() {
    let server = Server::start();
    let mut client = server.client();
    let path = file(&server, FILE);
    client.set("guard-rules-file", &path);
    let bad = server.dir().join("bad");
    for (contents, why) in [
        (
            "\nlogin a ip failure each challange 5m enforce\n",
            "line 2: 'challange' is no ACTION: did you mean challenge? (ACTION is alert | challenge d [alert] | \
             ban d [max d])",
        ),
        ("login a user failure each ban 5m enforce\n", "line 1: a rule of scope user can ban on mfa alone"),
        ("\u{ff}\x00\r", r"line 1: '\xc3\xbf\x00' is no name of a guard"),
        ("", "it has no rule of a guard"),
        (&"#".repeat(65_537), "the file is larger than 65536 bytes"),
    ] {
        fs::write(&bad, contents).unwrap();
        let error = client.set_refused("guard-rules-file", bad.to_str().unwrap());
        assert!(error.contains(why), "{error} does not say {why}");
        assert_eq!(rules(&mut client), LINES);
    }
    fs::write(&path, "login a ip failure each alert\n").unwrap();
    let error = client.run("LW.RELOAD").error().to_owned();
    assert_eq!(
        error,
        "ERR nothing was changed: guard-rules-file: line 1: MODE is missing (enforce | observe)"
    );
    assert_eq!(rules(&mut client), LINES);
    fs::write(&path, "login a ip failure each alert enforce\n").unwrap();
    assert_eq!(client.run("LW.RELOAD").text(), "OK");
    assert_eq!(rules(&mut client), ["login a ip failure each alert enforce"]);
}

#[test]
fn redis_conf_names_the_file_and_a_bad_one_keeps_the_server_from_starting() {
    let dir = tempfile::TempDir::with_prefix("lockwatch-it-").unwrap();
    let path = dir.path().join("rules");
    fs::write(&path, FILE).unwrap();
    let line = format!("lockwatch.guard-rules-file {}", path.display());
    let mut server = Server::builder().config(&line).config("lockwatch.guard-mode observe").start();
    assert_eq!(rules(&mut server.client()), LINES);
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "OK");
    server.stop();
    server.start_again();
    assert_eq!(rules(&mut server.client()), LINES);
    assert_eq!(server.client().get("guard-mode"), "observe");
    fs::write(&path, format!("{FILE}shop x").as_bytes()).unwrap();
    let Err(log) = Server::builder().config(&line).try_start() else { panic!("it starts") };
    assert!(log.contains("line 6: the scope is missing"), "{log}");
}

#[test]
fn a_mode_and_networks_that_can_not_be_used_are_refused_with_the_word() {
    let server = Server::start();
    let mut client = server.client();
    for (directive, value, why) in [
        ("guard-mode", "observed", "'observed' is neither enforce nor observe, did you mean observe?"),
        ("guard-mode", "", "'' is neither enforce nor observe"),
        ("guard-never-ban", "10.0.0.0/8 10.0.0/8", "'10.0.0/8' is no network (10.0.0.0/8) or address"),
        ("guard-never-ban", "10.0.0.0/8,::1", "blanks separate networks"),
        ("guard-learn", "31d", "must be 0 to 2592000 seconds"),
        ("guard-max-bytes", "1kb", "1048576"),
    ] {
        let error = client.set_refused(directive, value);
        assert!(error.contains(why), "{error} does not say {why}");
    }
    for (directive, value) in [
        ("guard-mode", "observe"),
        ("guard-never-ban", ""),
        ("guard-never-ban", "203.0.113.7 2001:db8::/32"),
        ("guard-learn", "0"),
        ("guard-max-bytes", "1gb"),
    ] {
        client.set(directive, value);
    }
}

#[test]
fn lw_rules_works_in_transactions_and_scripts_and_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let before = client.footprint();
    let built_in = rules(&mut client);
    let in_multi = client.multi(&["LW.RULES http"]).expect("nothing is watched");
    assert_eq!(in_multi, [Value::Array(vec![Value::Bulk(built_in[11].clone().into())])]);
    let in_script = client.call(&["EVAL_RO", "return redis.call('LW.RULES')", "0"]);
    assert_eq!(in_script.texts(), built_in);
    assert_eq!(client.footprint(), before);
}

#[test]
fn info_shows_the_rules_of_every_guard() {
    let server = Server::start();
    let mut client = server.client();
    let info = client.info("lockwatch_guard");
    assert_eq!(info.number("lockwatch_guard_rules"), 12);
    let zero = "fired=0,challenged=0,denied=0,observed=0";
    assert_eq!(info.text("lockwatch_guard_login/brute"), zero);
    client.set("guard-rules-file", &file(&server, FILE));
    let info = client.info("lockwatch_guard");
    assert_eq!(info.number("lockwatch_guard_rules"), 3);
    for rule in ["shop/slow", "shop/all", "web.1/all"] {
        assert_eq!(info.text(&format!("lockwatch_guard_{rule}")), zero);
    }
}
