//! Keys that are limited, and one key in detail.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::fetch;
use super::frame::{Frame, Trouble, page};
use super::query::{Query, link};
use super::words::{bytes, count, duration, number, percent, shown};
use crate::facts::keys::{Inspected, Peeked, WindowUse};
use crate::facts::policies::Policy;
use crate::facts::top::TopKey;
use crate::sum::sum;
use crate::web::app::{App, Visitor};

/// A key that was denied often.
pub struct Row {
    pub key: String,
    pub link: String,
    /// The database, if it is not the first one.
    pub db: Option<i64>,
    pub policy: Option<String>,
    /// `5 in 1 min, 20 in 1 h`.
    pub limits: Option<String>,
    pub denied: String,
    /// Of all denials that are listed.
    pub share: String,
    /// The same as a whole number of percent, for the bar.
    pub bar: i64,
    pub last_ms: i64,
}

impl Row {
    pub fn all(keys: &[TopKey], policies: &BTreeMap<&str, &Policy>) -> Vec<Self> {
        let all = sum(keys.iter().map(|key| key.denied));
        let most = keys.iter().map(|key| key.denied).max().unwrap_or_default().max(1);
        keys.iter().map(|key| Self::of(key, policies, all, most)).collect()
    }

    fn of(key: &TopKey, policies: &BTreeMap<&str, &Policy>, all: i64, most: i64) -> Self {
        let policy = key.policy.as_deref();
        let db = key.db.to_string();
        let db = if key.db == 0 { "" } else { &db };
        let named = policy.unwrap_or_default().as_bytes();
        Self {
            key: shown(&key.key),
            link: link(
                "/key",
                &[("key", shown(&key.key).as_bytes()), ("db", db.as_bytes()), ("policy", named)],
            ),
            db: (key.db != 0).then_some(key.db),
            policy: policy.map(shown),
            limits: policy.and_then(|name| policies.get(name)).map(|policy| limits(&policy.limits)),
            denied: number(key.denied),
            share: percent(key.denied as f64 / all.max(1) as f64),
            bar: key.denied.saturating_mul(100) / most,
            last_ms: key.last_ms,
        }
    }
}

/// `5 in 1 min, 20 in 1 h`.
pub fn limits(pairs: &[(i64, i64)]) -> String {
    let each = pairs.iter().map(|(limit, window)| format!("{} in {}", number(*limit), duration(*window)));
    each.collect::<Vec<_>>().join(", ")
}

/// A policy over all servers.
struct PolicyRow {
    name: String,
    limits: String,
    shadow: bool,
    overrides: String,
    calls: String,
    denied: String,
    share: String,
    shadow_denied: String,
}

fn policy_rows(all: &[Policy]) -> Vec<PolicyRow> {
    // The servers of a cluster have the same policies, and counts of their own.
    let mut merged: Vec<Policy> = Vec::new();
    for policy in all {
        match merged.last_mut().filter(|last| last.name == policy.name) {
            Some(last) => {
                last.calls = last.calls.saturating_add(policy.calls);
                last.denied = last.denied.saturating_add(policy.denied);
                last.shadow_denied = last.shadow_denied.saturating_add(policy.shadow_denied);
            }
            None => merged.push(policy.clone()),
        }
    }
    merged.sort_by_key(|policy| std::cmp::Reverse(policy.denied.saturating_add(policy.shadow_denied)));
    merged.iter().map(PolicyRow::of).collect()
}

impl PolicyRow {
    fn of(policy: &Policy) -> Self {
        Self {
            name: shown(&policy.name),
            limits: limits(&policy.limits),
            shadow: policy.shadow,
            overrides: number(policy.overrides),
            calls: number(policy.calls),
            denied: number(policy.denied),
            share: percent(policy.denied as f64 / policy.calls.max(1) as f64),
            shadow_denied: number(policy.shadow_denied),
        }
    }
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    keys: Vec<Row>,
    key_troubles: Vec<Trouble>,
    policies: Vec<PolicyRow>,
    policy_troubles: Vec<Trouble>,
}

pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let facts = app.pages.limits.get((), fetch::limits(Arc::clone(app.sampler.fleet()))).await;
    let (top, named) = &*facts;
    let by_name: BTreeMap<&str, &Policy> =
        named.items.iter().map(|policy| (policy.name.as_str(), policy)).collect();
    page(&LimitsPage {
        frame: Frame::new(&app, &visitor, "/limits", "Limits").live(),
        keys: Row::all(&top.items, &by_name),
        key_troubles: Trouble::all("LW.TOP", &top.failures),
        policies: policy_rows(&named.items),
        policy_troubles: Trouble::all("LW.POLICY LIST", &named.failures),
    })
}

/// A window of a key.
struct WindowRow {
    window: String,
    used: String,
    limit: Option<String>,
    first_free: String,
    reset: String,
}

impl WindowRow {
    fn of(window: &WindowUse, limits: &[(i64, i64)]) -> Self {
        let limit = limits.iter().find(|(_, length)| *length == window.window_ms);
        Self {
            window: duration(window.window_ms),
            used: number(window.used),
            limit: limit.map(|(limit, _)| number(*limit)),
            first_free: wait(window.first_free_ms),
            reset: wait(window.reset_ms),
        }
    }
}

fn wait(ms: i64) -> String {
    if ms == 0 { "now".into() } else { format!("in {}", duration(ms)) }
}

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage {
    frame: Frame,
    key: String,
    /// The policy that was asked about.
    policy: String,
    db: Option<String>,
    inspected: Option<Details>,
    /// What `policy` says of the key.
    peeked: Option<Verdict>,
    troubles: Vec<Trouble>,
}

struct Details {
    kind: &'static str,
    bytes: String,
    entries: String,
    expires_ms: Option<i64>,
    windows: Vec<WindowRow>,
    counts: Vec<(String, String)>,
    cooldown_until_ms: Option<i64>,
    /// The page that says more.
    more: Option<(String, &'static str)>,
}

struct Verdict {
    limits: String,
    remaining: String,
    limit: String,
    reset: String,
    shadow: bool,
    override_for: Option<String>,
}

impl Details {
    fn of(key: &[u8], inspected: &Inspected, limits: &[(i64, i64)]) -> Self {
        let name = shown(key);
        let name = name.as_bytes();
        let (kind, more) = match inspected.kind.as_str() {
            "limiter" => ("a limit of LW.RATELIMIT", None),
            "burst" => ("bursts of LW.BURST", None),
            "leases" => ("leases of LW.ACQUIRE", None),
            "tokens" => {
                ("a store of tokens", Some((link("/sessions", &[("store", name)]), "Sessions of a subject")))
            }
            _ => ("a guard", Some((link("/bans", &[("guard", name)]), "Bans of this guard"))),
        };
        let counts = inspected.counts.iter().filter(|(name, _)| name != "cooldown_until_ms");
        let cooldown =
            inspected.counts.iter().find(|(name, value)| name == "cooldown_until_ms" && *value >= 0);
        Self {
            kind,
            bytes: bytes(inspected.bytes),
            entries: count(inspected.entries, "entry", "entries"),
            expires_ms: inspected.expires_ms,
            windows: inspected.windows.iter().map(|window| WindowRow::of(window, limits)).collect(),
            counts: counts.map(|(name, value)| (shown(name.replace('_', " ")), number(*value))).collect(),
            cooldown_until_ms: cooldown.map(|(_, until)| *until),
            more,
        }
    }
}

impl Verdict {
    fn of(peeked: &Peeked) -> Self {
        Self {
            limits: limits(&peeked.limits),
            remaining: number(peeked.remaining),
            limit: number(peeked.limit),
            reset: wait(peeked.reset_after_ms),
            shadow: peeked.shadow,
            override_for: peeked.override_for.as_deref().map(shown),
        }
    }
}

pub async fn key(State(app): State<App>, Extension(visitor): Extension<Visitor>, query: Query) -> Response {
    let fleet = app.sampler.fleet();
    let (name, policy) = (query.key("key"), query.text("policy"));
    let db = query.text("db");
    let db = (!db.is_empty() && db != "0").then(|| shown(&db));
    let mut troubles = Vec::new();
    let node = fleet.primary_of(&name).map(|node| node.name()).unwrap_or_else(|_| "The primary".into());
    let (mut peeked, mut inspected) = (None, None);
    // Commands read the database that the program is connected to.
    let facts = if db.is_none() && !name.is_empty() {
        let fetch = fetch::key(Arc::clone(fleet), name.clone(), policy.clone());
        Some(app.pages.key.get((name.clone(), policy.clone()), fetch).await)
    } else {
        None
    };
    if let Some(facts) = &facts {
        match &facts.peeked {
            Some(Ok(found)) => peeked = Some(found),
            Some(Err(why)) => troubles.push(Trouble::of("LW.PEEK", &node, why)),
            None => {}
        }
        match &facts.inspected {
            Ok(found) => inspected = found.as_ref(),
            Err(why) => troubles.push(Trouble::of("LW.INSPECT", &node, why)),
        }
    }
    let known: &[(i64, i64)] = peeked.map(|peeked| peeked.limits.as_slice()).unwrap_or_default();
    let shown_key = shown(&name);
    page(&KeyPage {
        frame: Frame::new(&app, &visitor, "/limits", format!("Key {shown_key}")).live(),
        inspected: inspected.map(|found| Details::of(&name, found, known)),
        peeked: peeked.map(Verdict::of),
        key: shown_key,
        policy: shown(&policy),
        db,
        troubles,
    })
}
