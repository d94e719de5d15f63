//! The whole state of a server as lines of text, each with one value.
//!
//! What depends on the memory or the past of one process is left out: sizes in memory, counts of
//! calls, the last error of an endpoint.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::tokens::refresh_token;
use crate::support::{Client, Value};

/// The acts of the scene, with which names begin.
pub const ACTS: [&str; 2] = ["a", "b"];

/// The number of digits that are shown of a digest.
const DIGITS: usize = 16;

/// Fields of replies that are left out: sizes in memory, what this process has counted, and what
/// other fields say too.
const LEFT_OUT: [&str; 10] = [
    "bytes",
    "calls",
    "denied",
    "shadow_denied",
    "last_error",
    "timestamp_ms",
    "type",
    "expires_ms",
    "cursor",
    "entries",
];

/// Fields of INFO about what is saved. The counts of keys are left out, because they include keys
/// that were deleted until a thread of the server has freed them.
const INFO: [&str; 9] = [
    "alert_queued",
    "alert_dead",
    "alert_endpoints",
    "audit_events",
    "audit_gap",
    "audit_dead",
    "policies",
    "policies_overrides",
    "policies_digest",
];

const SUBJECTS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// Who is asked about in guards.
const WHOM: [(&str, &[&str]); 3] = [
    (
        "login",
        &[
            "IP 203.0.113.7 USER user3",
            "IP 203.0.113.8 USER alice",
            "IP 203.0.113.12 USER phished",
            "IP 5.6.0.1 USER target",
            "IP 198.51.100.9 USER known",
            "IP 192.0.2.7",
            "USER mallory",
            "KEY robot",
        ],
    ),
    ("http", &["IP 203.0.113.20", "IP 203.0.113.21", "IP 203.0.113.22"]),
    ("bots", &["KEY robot", "KEY slow"]),
];

/// Lists the state. `client` is in database 0 and speaks RESP3 from now on.
#[track_caller]
pub fn list(client: &mut Client) -> Vec<String> {
    assert!(!client.run("HELLO 3").is_error());
    let mut listing = Listing { client, lines: Vec::new() };
    listing.keys();
    listing.queues();
    listing.policies();
    listing.sessions(ACTS[1]);
    listing.guards(ACTS[1]);
    listing.lines
}

/// Asserts that `found` has all lines of `expected`, and in them all fields. A later version may
/// show more.
#[track_caller]
pub fn assert_shows(found: &[String], expected: &str, who: &str) {
    let split = |line: &str| -> (String, BTreeSet<String>) {
        let (path, fields) = line.split_once(": ").expect("a path and fields");
        (path.to_owned(), fields.split(' ').map(str::to_owned).collect())
    };
    let found: BTreeMap<String, BTreeSet<String>> = found.iter().map(|line| split(line)).collect();
    let differences = expected.lines().filter_map(|line| {
        let (path, fields) = split(line);
        let there = found.get(&path).cloned().unwrap_or_default();
        let (missing, other): (Vec<_>, Vec<_>) =
            (fields.difference(&there).collect(), there.difference(&fields).collect());
        (!missing.is_empty()).then(|| format!("{path}: {missing:?} is {other:?}"))
    });
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{who} shows something else:\n{}", differences.join("\n"));
}

struct Listing<'a> {
    client: &'a mut Client,
    lines: Vec<String>,
}

impl Listing<'_> {
    fn ask(&mut self, line: &str) -> Value {
        let answer = self.client.run(line);
        flatten(line, &answer, &mut self.lines);
        answer
    }

    fn keys(&mut self) {
        for db in [0, 1] {
            self.client.run(&format!("SELECT {db}"));
            let mut names = self.client.run("KEYS *").texts();
            names.sort();
            self.lines.push(format!("keys of db {db}: {}", names.join(" ")));
            names.iter().for_each(|name| self.key(db, name));
        }
        self.client.run("SELECT 0");
    }

    /// The digest, of which a part is enough, covers the whole value. Of the last act's keys more
    /// is shown, to see what differs.
    fn key(&mut self, db: i64, name: &str) {
        let kind = self.client.run(&format!("TYPE {name}")).text();
        let expires = self.client.run(&format!("PEXPIRETIME {name}")).int();
        let digest = self.client.run(&format!("DEBUG DIGEST-VALUE {name}")).texts().remove(0);
        let mut fields = vec![
            format!("type={kind}"),
            format!("expires={expires}"),
            format!("digest={}", &digest[..DIGITS]),
        ];
        if name.starts_with(ACTS[1]) {
            let explains = if kind == "string" { "GET" } else { "LW.INSPECT" };
            let explained = self.client.run(&format!("{explains} {name}"));
            collect("", &explained, &mut fields);
        }
        self.lines.push(format!("key {db} {name}: {}", fields.join(" ")));
    }

    fn queues(&mut self) {
        let info = self.client.info("everything");
        let fields = INFO.iter().map(|field| format!("{field}={}", info.text(&format!("lockwatch_{field}"))));
        let fields: Vec<_> = fields.collect();
        self.lines.push(format!("INFO: {}", fields.join(" ")));
        for (line, name) in [
            ("LW.ALERTS DEAD", "dead alert"),
            ("LW.AUDITLOG QUERY LOCAL", "event"),
            ("LW.AUDITLOG DEAD", "dead event"),
        ] {
            let answer = self.client.run(&format!("{line} COUNT 1000"));
            flatten(name, &answer, &mut self.lines);
        }
        self.alerts();
    }

    /// The alerts that wait, with their data, which only RECENT shows, and the endpoints that do
    /// not have them, with the number of tries and the time of the next one.
    fn alerts(&mut self) {
        let recent = self.client.run("LW.ALERTS RECENT COUNT 1000");
        for alert in self.client.waiting() {
            let shown = recent.items().iter().find(|recent| recent.field("id").text() == alert.id);
            let body = shown.map(|recent| recent.field("body").text()).expect("it is recent");
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let data = body["data"].to_string().replace(' ', "_");
            let pending = alert.pending.iter();
            let pending = pending.map(|it| format!("{},{},{}", port(&it.endpoint), it.tries, it.next_try_ms));
            let pending = pending.collect::<Vec<_>>().join(";");
            self.lines.push(format!("alert {}: type={} pending={pending} data={data}", alert.id, alert.kind));
        }
    }

    fn policies(&mut self) {
        // INFO shows the digest of all.
        let list = self.client.run("LW.POLICY LIST");
        let names = list.field("policies").items().iter().map(|policy| policy.field("name").text());
        for name in names.filter(|name| name.starts_with(ACTS[1])) {
            self.ask(&format!("LW.POLICY GET {name}"));
        }
    }

    fn sessions(&mut self, act: &str) {
        for subject in SUBJECTS {
            let sessions = self.ask(&format!("LW.SESSIONS {act}:auth {subject}"));
            for session in sessions.items() {
                let id = session.field("session_id").text();
                let expires = session.field("expires_at_ms").int();
                for generation in 0..=session.field("generation").int() as u32 {
                    let token = refresh_token(&id, generation, expires);
                    let answer = self.client.run(&format!("LW.INTROSPECT {act}:auth {token}"));
                    let path = format!("LW.INTROSPECT {act}:auth {id} generation {generation}");
                    flatten(&path, &answer, &mut self.lines);
                }
            }
        }
    }

    fn guards(&mut self, act: &str) {
        for (name, whom) in WHOM {
            for what in ["", " ALLOWED", " OBSERVED"] {
                self.ask(&format!("LW.BANS {name}:{act}{what}"));
            }
            for whom in whom {
                self.ask(&format!("LW.WHY {name}:{act} {whom}"));
            }
        }
    }
}

/// Writes a line for `value`. A list of records has one for each.
fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Array(items) if items.iter().any(|item| matches!(item, Value::Map(_))) => {
            lines.push(format!("{path}: length={}", items.len()));
            items.iter().enumerate().for_each(|(i, item)| flatten(&format!("{path} [{i}]"), item, lines));
        }
        _ => {
            let mut fields = Vec::new();
            collect("", value, &mut fields);
            lines.push(format!("{path}: {}", fields.join(" ")));
        }
    }
}

/// Collects the fields of `value`, whose names begin with `prefix`. Null and empty ones are left
/// out.
fn collect(prefix: &str, value: &Value, fields: &mut Vec<String>) {
    let is_record = |value: &Value| matches!(value, Value::Map(_));
    match value {
        Value::Map(pairs) => pairs.iter().for_each(|(name, value)| {
            let name = name.text();
            if !LEFT_OUT.contains(&name.as_str()) {
                collect(&format!("{prefix}{name}"), value, fields);
            }
        }),
        Value::Array(items) if items.iter().any(is_record) => {
            items.iter().enumerate().for_each(|(i, item)| collect(&format!("{prefix}.{i}."), item, fields));
        }
        Value::Nil => {}
        Value::Array(items) if items.is_empty() => {}
        scalar => fields.push(format!("{prefix}={}", text(scalar))),
    }
}

/// The end of an endpoint's address. The rest is always the same.
fn port(endpoint: &str) -> &str {
    endpoint.rsplit(':').next().unwrap_or(endpoint)
}

fn text(value: &Value) -> String {
    match value {
        // A space ends a field.
        Value::Bulk(_) | Value::Simple(_) => value.text().replace([' ', '\n'], "_"),
        Value::Int(number) => number.to_string(),
        Value::Nil => "null".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        other => panic!("a value in a value: {other:?}"),
    }
}
