//! What is printed, for people and as JSON, and the options.

use std::collections::BTreeSet;

use super::deployment::{Pair, Sound, ok};
use super::report::{PASSWORD, USER};
use crate::program::{lockwatch, run, text};

fn plain(url: &str, args: &[&str]) -> (String, Option<i32>) {
    let mut command = lockwatch([&["doctor", "--timeout", "20s", "--redis", url], args].concat());
    let output =
        command.env("LOCKWATCH_REDIS_USER", USER).env("LOCKWATCH_REDIS_PASSWORD", PASSWORD).output().unwrap();
    (text(&output.stdout), output.status.code())
}

#[test]
fn where_all_is_well_one_line_says_so() {
    let sound = Sound::start();
    let (printed, code) = plain(&sound.server.url(), &[]);
    assert_eq!(code, Some(0));
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(printed.ends_with(" checks on 1 server: all is well\n"), "{printed}");
    assert!(!printed.contains('\x1b'), "no colours without a terminal");
}

#[test]
fn findings_come_worst_first_and_equal_ones_of_several_servers_together() {
    let mut pair = Pair::start();
    for admin in [&mut pair.primary.admin, &mut pair.replica.admin] {
        ok(admin, "CONFIG SET appendfsync no maxmemory 0");
        ok(admin, "CONFIG SET lockwatch.top-keys 0");
    }
    pair.replica.admin.set("refresh-secret-file", "");
    let (printed, code) = plain(&pair.primary.server.url(), &[]);
    assert_eq!(code, Some(2));
    let heads: Vec<&str> =
        printed.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    let levels: Vec<&str> = heads.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(levels, ["ERROR", "WARNING", "WARNING", "NOTE", "1"], "{printed}");
    let (one, two) = (pair.primary.server.address(), pair.replica.server.address());
    let both = printed.lines().find(|line| line.contains("appendfsync")).unwrap();
    assert!(both.contains(&one.to_string()) && both.contains(&two.to_string()), "{printed}");
    for port in [one.port(), two.port()] {
        assert!(
            printed.contains(&format!("redis-cli -h 127.0.0.1 -p {port} CONFIG SET appendfsync everysec")),
            "{printed}"
        );
    }
    assert!(heads.last().unwrap().starts_with("1 error, 2 warnings, 1 note; "), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 110), "{printed}");
}

#[test]
fn checks_are_listed_and_chosen_by_name() {
    let listed = text(&run(["doctor", "--list"]).stdout);
    let names: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.len(), listed.lines().count(), "each name once");
    assert!(names.contains("eviction") && names.contains("key-ids") && names.len() > 60);
    let sound = Sound::start();
    let only = sound.doctor(&["--only", "eviction,memory", "--only", "clock"]);
    let ran: Vec<&str> =
        only.json["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(ran, ["eviction", "memory", "clock"]);
    let skipped = sound.doctor(&["--skip", "eviction"]);
    assert_eq!(skipped.json["checks"].as_array().unwrap().len() + 1, names.len());
    let wrong = run(["doctor", "--only", "evicton"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean eviction?"));
}

#[test]
fn the_json_has_the_documented_members() {
    let mut sound = Sound::start();
    ok(&mut sound.admin, "CONFIG SET maxmemory 0");
    let report = sound.doctor(&[]);
    let keys =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(
        keys(&report.json),
        sorted(&["shape", "deployment", "nodes", "level", "counts", "checks", "findings"])
    );
    assert_eq!(keys(&report.json["nodes"][0]), sorted(&["name", "role", "reachable", "lockwatch"]));
    assert_eq!(report.json["counts"]["warning"], 1);
    let checks = report.json["checks"].as_array().unwrap();
    let levels =
        checks.iter().map(|check| (check["name"].as_str().unwrap(), check["level"].as_str().unwrap()));
    let bad: Vec<_> = levels.filter(|(_, level)| *level != "ok").collect();
    assert_eq!(bad, [("maxmemory", "warning")]);
    let finding = &report.json["findings"][0];
    assert_eq!(keys(finding), sorted(&["check", "level", "node", "seen", "why", "todo", "commands"]));
    assert_eq!(finding["node"], sound.server.address().to_string());
    assert!(finding["commands"][0].as_str().unwrap().contains("CONFIG SET maxmemory"));
}

#[test]
fn looking_changes_nothing_and_costs_little() {
    let mut sound = Sound::start();
    ok(&mut sound.admin, "LW.RATELIMIT k 5 1m");
    let before = sound.admin.footprint();
    let calls = |sound: &mut Sound| sound.admin.info("stats").number("total_commands_processed");
    let first = calls(&mut sound);
    sound.doctor(&[]);
    let asked = calls(&mut sound) - first;
    assert!(asked < 60, "{asked} calls");
    assert_eq!(sound.admin.footprint(), before);
}

#[test]
fn the_reference_lists_all_checks_and_the_rights_that_they_need() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/program/doctor.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<(&str, &str)> = page
        .split_once("\n## Checks\n")
        .unwrap()
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .collect();
    let listed = text(&run(["doctor", "--list"]).stdout);
    let listed: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
    let listed: Vec<(&str, &str)> = listed.into_iter().map(|(name, about)| (name, about.trim())).collect();
    assert_eq!(rows, listed);
    let rights = super::deployment::RIGHTS.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&rights), "{rights}");
}

#[test]
fn a_server_that_does_not_answer_is_reported_whichever_checks_are_chosen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("redis://{}", listener.local_addr().unwrap());
    drop(listener);
    for args in [["--only", "clock"], ["--skip", "reachable"]] {
        let (printed, code) = plain(&away, &args);
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.starts_with("ERROR  reachable  127.0.0.1"), "{printed}");
        assert!(printed.contains("\nSKIPPED  ") && !printed.contains("all is well"), "{printed}");
    }
    let sound = Sound::start();
    let refused =
        lockwatch(["doctor", "--only", "eviction", "--redis", &sound.server.url()]).output().unwrap();
    let printed = text(&refused.stdout);
    assert_eq!(refused.status.code(), Some(2), "{printed}");
    assert!(
        printed.contains("this server wants a user and a password: --user, --password-file"),
        "{printed}"
    );
}
