//! Every field of INFO is part of a metric or left out on purpose, and the page of the reference
//! names all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener};

use lockwatch_test_support::{Value, wait_until};

use super::everything::Everything;
use super::running::{Metrics, Running};

/// The only field that a primary does not have.
const OF_A_REPLICA: &str = "master_link_status";

const PAGE: &str = include_str!("../../../../docs/reference/program/metrics.md");

#[test]
fn every_field_and_every_metric_is_on_the_page() {
    let everything = Everything::start();
    let running = Running::of(&everything.server.url(), &[]);
    let metrics = running.scrape();
    assert_eq!(metrics.sum("lockwatch_unknown_fields", &[]), Some(0.0), "{}", running.log());
    let (listed, left_out) = (listed(), left_out());
    let served: BTreeMap<&str, &str> =
        metrics.types.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    for (name, row) in &listed {
        let kind = served.get(name.as_str()).copied();
        // The format of Prometheus knows no other type for a series of labels.
        let wanted = if row.kind == "info" { "gauge" } else { &row.kind };
        assert_eq!(kind, Some(wanted), "{name} is on the page as a {}", row.kind);
    }
    let missing: Vec<_> = served.keys().filter(|name| !listed.contains_key(**name)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    let sources: BTreeSet<&str> =
        listed.values().flat_map(|row| &row.fields).chain(&left_out).map(String::as_str).collect();
    let info = everything.server.info("lockwatch");
    let fields: BTreeSet<String> = info.fields.keys().map(|name| generic(name)).collect();
    let unmapped: Vec<_> = fields.iter().filter(|name| !sources.contains(name.as_str())).collect();
    assert!(
        unmapped.is_empty(),
        "fields of INFO that are on the page neither as a source nor as left out: {unmapped:?}"
    );
    let all = everything.server.info("everything");
    let gone: Vec<_> = sources
        .iter()
        .filter(|name| !fields.contains(**name) && !all.fields.contains_key(**name))
        .filter(|name| **name != OF_A_REPLICA)
        .collect();
    assert!(gone.is_empty(), "on the page, but not in INFO: {gone:?}");
}

#[test]
fn a_metric_of_one_field_has_its_number() {
    let everything = Everything::start();
    let metrics = Running::of(&everything.server.url(), &["--single"]).scrape();
    let info = everything.server.info("lockwatch");
    let mut compared = 0;
    for (name, row) in listed() {
        let [field] = row.fields.as_slice() else { continue };
        let numeric = info.fields.get(field).and_then(|text| text.parse::<f64>().ok());
        // The labels of the others make several series of one line.
        let (Some(number), true) = (numeric, metrics.count(&name) == 1) else { continue };
        let number = if field.ends_with("_ms") { number / 1000.0 } else { number };
        assert_eq!(metrics.sum(&name, &[]), Some(number), "{name} is not {field}");
        compared += 1;
    }
    assert!(compared > 50, "only {compared} metrics are made of one field");
}

/// Lines of a list have a name or a number in their names.
fn generic(name: &str) -> String {
    if name.contains('/') {
        return "lockwatch_guard_<guard>/<rule>".into();
    }
    if name.starts_with("lockwatch_policy_") {
        return "lockwatch_policy_<name>".into();
    }
    let part = |part: &str| {
        if part.bytes().all(|byte| byte.is_ascii_digit()) { "<i>".into() } else { part.to_owned() }
    };
    name.split('_').map(part).collect::<Vec<_>>().join("_")
}

#[derive(Debug)]
struct Row {
    kind: String,
    fields: Vec<String>,
}

/// The rows of the tables of metrics: `| name | type | labels | field, field | meaning |`.
fn listed() -> BTreeMap<String, Row> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `lockwatch"));
    let metrics = rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, _labels, fields, _meaning] = cells.as_slice() else { return None };
        Some((quoted(name).remove(0), Row { kind: (*kind).to_owned(), fields: quoted(fields) }))
    });
    metrics.collect()
}

/// The fields of the table of fields that are left out: `| field | why |`.
fn left_out() -> Vec<String> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `lockwatch") && line.matches('|').count() == 3);
    rows.flat_map(|row| quoted(row.trim_matches('|').split('|').next().unwrap_or_default())).collect()
}

/// The words between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_help_of_no_metric_is_empty() {
    let everything = Everything::start();
    let body = Running::of(&everything.server.url(), &[]).get("/metrics").body;
    let helps = body.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    assert_eq!(helps.clone().count(), Metrics::of(&body).types.len());
    for (name, help) in helps {
        assert!(help.len() > 5 && !help.ends_with('.'), "{name}: {help}");
    }
}

/// A module that is newer than the program has fields that the program does not know.
#[test]
fn a_field_of_a_newer_module_is_counted_and_logged() {
    let newer = "redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nrun_id:1\r\n\
                 lockwatch_version:9.0.0\r\nlockwatch_panics_total:0\r\nlockwatch_future_total:7\r\n";
    let address = answer_info_with(newer);
    let running = Running::of(&format!("redis://{address}/"), &[]);
    let metrics = running.scrape();
    assert_eq!(metrics.sum("lockwatch_unknown_fields", &[]), Some(1.0), "{}", running.log());
    wait_until("the log names it", || running.logged("does not know: lockwatch_future_total") == 1);
}

/// Starts something that answers INFO with `text` and other commands with nothing. It ends with the
/// test.
fn answer_info_with(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut requests = BufReader::new(stream);
                while let Ok(call) = Value::read(&mut requests) {
                    let answer = match call.items()[0].text().as_str() {
                        "INFO" => format!("${}\r\n{text}\r\n", text.len()),
                        _ => "%0\r\n".to_owned(),
                    };
                    if requests.get_mut().write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}
