//! The servers.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::frame::{Frame, page};
use super::words::{SECOND, bytes, count, duration, number, shown, unix_ms};
use crate::connect::failure::Kind;
use crate::connect::fleet::Kind as FleetKind;
use crate::info::Info;
use crate::sampler::{NodeSample, Sample};
use crate::web::app::{App, Visitor};
use crate::web::history::History;

pub struct Row {
    pub name: String,
    pub role: &'static str,
    /// A word for how it is, and the class for it.
    pub state: &'static str,
    pub class: &'static str,
    pub problem: Option<String>,
    /// When it answered last, if it does not now.
    pub answered_ms: Option<i64>,
    pub facts: Option<Facts>,
}

/// What a node says about itself.
pub struct Facts {
    /// Redis or Valkey, with its version.
    pub server: String,
    /// The version of the module.
    pub module: String,
    pub uptime: String,
    pub memory: String,
    pub clients: String,
    /// How far a replica is behind.
    pub lag: Option<String>,
    pub took: String,
    /// How many keys of a type, and their bytes.
    pub keys: Vec<(String, String)>,
    pub policies: String,
}

impl Row {
    pub fn all(sample: &Sample, history: &History) -> Vec<Self> {
        sample.nodes.iter().map(|node| Self::of(node, history)).collect()
    }

    fn of(node: &NodeSample, history: &History) -> Self {
        let role = if node.is_primary() { "primary" } else { "replica" };
        let name = node.name.clone();
        let plain = |state, class, problem: Option<String>| Self {
            name: name.clone(),
            role,
            state,
            class,
            problem,
            answered_ms: None,
            facts: None,
        };
        match &node.info {
            Ok(info) if info.has_module() => {
                let is_cut_off = info.text("master_link_status") == Some("down");
                let (state, class) = if is_cut_off { ("cut off", "bad") } else { ("ok", "good") };
                let problem = is_cut_off.then(|| "the link to its primary is down".into());
                Self { facts: Some(Facts::of(node, info)), ..plain(state, class, problem) }
            }
            Ok(info) => {
                let problem = Some("the module lockwatch is not loaded".into());
                Self { facts: Some(Facts::of(node, info)), ..plain("no module", "bad", problem) }
            }
            Err(why) => {
                let state = match why.kind {
                    Kind::Away => "away",
                    Kind::Slow => "slow",
                    Kind::Refused => "refused",
                };
                let answered_ms = history.answered(&node.name).map(unix_ms);
                Self { answered_ms, ..plain(state, "bad", Some(shown(&why.text))) }
            }
        }
    }
}

/// Types of keys: one, several, and the fields of INFO with their number and bytes.
const KEYS: [(&str, &str, &str, &str); 5] = [
    ("limit", "limits", "ratelimit_keys", "ratelimit_bytes"),
    ("burst", "bursts", "burst_keys", "burst_bytes"),
    ("guard", "guards", "guards", "guard_bytes"),
    ("token store", "token stores", "token_stores", "token_bytes"),
    ("key of leases", "keys of leases", "lease_keys", "lease_bytes"),
];

impl Facts {
    fn of(node: &NodeSample, info: &Info) -> Self {
        let text = |name: &str| info.text(name).map(shown);
        let int = |name: &str| info.number(name).unwrap_or_default();
        let server = match (text("valkey_version"), text("redis_version")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, version) => format!("Redis {}", version.unwrap_or_default()),
        };
        let memory = match int("maxmemory") {
            0 => bytes(int("used_memory")),
            most => format!("{} of {}", bytes(int("used_memory")), bytes(most)),
        };
        let lag = info.number("master_last_io_seconds_ago").filter(|seconds| *seconds >= 0);
        let present = KEYS.into_iter().filter_map(|(one, many, keys, size)| {
            let keys = info.lockwatch(keys).filter(|keys| *keys > 0)?;
            Some((count(keys, one, many), bytes(info.lockwatch(size).unwrap_or_default())))
        });
        Self {
            server,
            module: text("lockwatch_version").unwrap_or_else(|| "none".into()),
            uptime: duration(int("uptime_in_seconds").saturating_mul(SECOND)),
            memory,
            clients: number(int("connected_clients")),
            lag: lag.map(|seconds| duration(seconds.saturating_mul(SECOND))),
            took: duration(i64::try_from(node.elapsed.as_millis()).unwrap_or(i64::MAX)),
            keys: present.collect(),
            policies: text("lockwatch_policies_digest").unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "nodes.html")]
struct NodesPage {
    frame: Frame,
    /// How many servers there are, and what they are together.
    kind: String,
    failure: Option<String>,
    nodes: Vec<Row>,
    policies_differ: bool,
    versions_differ: bool,
}

pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let sample = app.sampler.sample().await;
    let nodes = Row::all(&sample, &app.pages.history);
    let differ = |field: fn(&Facts) -> &str| {
        let mut values: Vec<&str> = nodes.iter().filter_map(|node| node.facts.as_ref()).map(field).collect();
        values.sort_unstable();
        values.dedup();
        values.len() > 1
    };
    page(&NodesPage {
        frame: Frame::new(&app, &visitor, "/nodes", "Servers").live(),
        kind: match (sample.kind, nodes.len()) {
            (FleetKind::Standalone, ..=1) => "One server".into(),
            (FleetKind::Standalone, many) => format!("{many} servers: a primary and its replicas"),
            (FleetKind::Cluster, many) => format!("{many} servers of a cluster"),
            (FleetKind::Sentinel, many) => format!("{many} servers that a Sentinel watches"),
        },
        failure: sample.failure.as_deref().map(shown),
        policies_differ: differ(|facts| &facts.policies),
        versions_differ: differ(|facts| &facts.module),
        nodes,
    })
}
