//! Who is banned, or allowed.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::fetch;
use super::forms;
use super::frame::{Frame, Trouble, page};
use super::known::missing;
use super::query::{Query, link};
use super::rules::measure;
use super::words::{duration, number, shown};
use crate::facts::bans::{Ban, List};
use crate::facts::rules::{Rule, find};
use crate::facts::why::Subject;
use crate::web::app::{App, Visitor};

/// Entries of one guard, and of each where all are listed.
const ENTRIES: usize = 1000;
const ENTRIES_OF_MANY: usize = 200;
/// Guards that are asked where all are listed.
const GUARDS: usize = 20;

/// An entry of a guard.
pub struct Row {
    pub guard: String,
    pub guard_link: String,
    pub subject: String,
    pub why_link: String,
    /// Whether the page is the one that `why_link` leads to.
    pub is_here: bool,
    /// `rule stuffing`, or who did it.
    pub by: String,
    pub verdict: String,
    pub from_ms: i64,
    pub until_ms: i64,
    pub strikes: i64,
    /// `more than 10 users in 10 min`, or the operator's reason.
    pub because: String,
    pub lift: Option<String>,
}

impl Row {
    /// `back` is where to return to after lifting it; `None` if it can't be lifted here.
    pub fn of(ban: &Ban, rules: &[Rule], back: Option<&str>) -> Self {
        let subject = Subject::of(ban);
        let by = match (&ban.rule, ban.by.as_deref().or(ban.acl_user.as_deref())) {
            (Some(rule), _) => shown(rule),
            (None, Some(name)) => shown(name),
            (None, None) => shown(&ban.source),
        };
        let known = ban.rule.as_deref().and_then(|name| find(rules, &ban.guard, name, ban.count));
        let because = match (&ban.reason, known) {
            (Some(reason), _) => shown(reason),
            (None, Some(rule)) => measure(rule),
            (None, None) if ban.count > 0 => {
                format!("more than {} in {}", number(ban.count), duration(ban.window_ms))
            }
            _ => String::new(),
        };
        let back = back.filter(|_| matches!(ban.source.as_str(), "rule" | "operator"));
        Self {
            guard: shown(&ban.guard),
            guard_link: link("/bans", &[("guard", shown(&ban.guard).as_bytes())]),
            subject: shown(&ban.subject),
            why_link: why_link(&ban.guard, &subject),
            is_here: false,
            by,
            verdict: shown(&ban.verdict),
            from_ms: ban.from_ms,
            until_ms: ban.until_ms,
            strikes: ban.strikes,
            because,
            lift: back.map(|back| forms::lift(&ban.guard, &subject, back)),
        }
    }
}

pub fn why_link(guard: &[u8], subject: &Subject) -> String {
    let (ip, user, key, hash) = match subject {
        Subject::Ip(ip) => (ip.as_bytes(), &b""[..], &b""[..], &b""[..]),
        Subject::User(user) => (&b""[..], user.as_slice(), &b""[..], &b""[..]),
        Subject::Pair(ip, user) => (ip.as_bytes(), user.as_slice(), &b""[..], &b""[..]),
        Subject::Key(key) => (&b""[..], &b""[..], key.as_slice(), &b""[..]),
        Subject::Hash(hash) => (&b""[..], &b""[..], &b""[..], hash.as_bytes()),
    };
    link(
        "/why",
        &[("guard", shown(guard).as_bytes()), ("ip", ip), ("user", user), ("key", key), ("hash", hash)],
    )
}

/// A guard to choose.
pub struct Choice {
    pub name: String,
    pub link: String,
    pub is_chosen: bool,
}

struct Tab {
    name: &'static str,
    link: String,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "bans.html")]
struct BansPage {
    frame: Frame,
    guards: Vec<Choice>,
    guard: Option<String>,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    is_cut: bool,
    empty: &'static str,
    troubles: Vec<Trouble>,
}

const LISTS: [(&str, List, &str, &str); 3] = [
    ("", List::Bans, "Banned", "Nobody is banned."),
    ("allowed", List::Allowed, "Allowed", "Nobody is allowed by an entry."),
    ("observed", List::Observed, "Only observed", "No rule that only observes has fired for anybody."),
];

pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, query: Query) -> Response {
    let guards = app.pages.finder.guards();
    let wanted = query.key("guard");
    let (asked, most) = match wanted.is_empty() {
        true => (guards.iter().take(GUARDS).cloned().collect(), ENTRIES_OF_MANY),
        false => (vec![wanted.clone()], ENTRIES),
    };
    let chosen = query.text("list");
    let (_, list, _, empty) = LISTS.into_iter().find(|(name, ..)| *name == chosen).unwrap_or(LISTS[0]);
    let fetch = fetch::entries(Arc::clone(app.sampler.fleet()), asked, list, most);
    let (facts, sample) =
        tokio::join!(app.pages.bans.get((wanted.clone(), list), fetch), app.sampler.sample());
    let (found, rules) = &*facts;
    let mut troubles = Trouble::all("LW.BANS", &found.failures);
    if wanted.is_empty() {
        troubles.extend(missing(&sample, "guards", "guards", guards.len()));
    }
    let frame = Frame::new(&app, &visitor, "/bans", "Bans").live();
    let tabs = LISTS.into_iter().map(|(name, each, title, _)| Tab {
        name: title,
        link: link("/bans", &[("guard", shown(&wanted).as_bytes()), ("list", name.as_bytes())]),
        is_here: each == list,
    });
    let here = link("/bans", &[("guard", shown(&wanted).as_bytes()), ("list", chosen.as_bytes())]);
    let back = frame.may_support.then_some(here.as_str());
    page(&BansPage {
        guards: choices(&guards, &wanted, "/bans", "guard"),
        guard: (!wanted.is_empty()).then(|| shown(&wanted)),
        tabs: tabs.collect(),
        is_cut: is_cut(&found.items, most) || (wanted.is_empty() && guards.len() > GUARDS),
        rows: found.items.iter().map(|ban| Row::of(ban, rules, back)).collect(),
        empty,
        troubles,
        frame,
    })
}

/// Whether a guard has as many entries as were asked for, and perhaps more.
fn is_cut(entries: &[Ban], most: usize) -> bool {
    let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
    entries.iter().for_each(|entry| *counts.entry(&entry.guard).or_default() += 1);
    counts.values().any(|count| *count >= most)
}

/// The keys that were found, and the one that is asked for if it is another one.
pub fn choices(found: &[Vec<u8>], wanted: &[u8], path: &str, name: &str) -> Vec<Choice> {
    let is_other = !wanted.is_empty() && !found.iter().any(|known| known == wanted);
    let other = is_other.then(|| wanted.to_vec());
    found
        .iter()
        .chain(&other)
        .map(|key| Choice {
            name: shown(key),
            link: link(path, &[(name, shown(key).as_bytes())]),
            is_chosen: key.as_slice() == wanted,
        })
        .collect()
}
