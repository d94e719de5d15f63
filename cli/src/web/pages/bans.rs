//! Who is banned, and why somebody is.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::forms;
use super::frame::{Frame, Trouble, page};
use super::query::{Query, field, link};
use super::words::{duration, number, shown};
use crate::connect::failure::Failure;
use crate::facts::bans::{Ban, List, bans};
use crate::facts::why::{Challenge, Count, Subject, Why, why};
use crate::web::app::{App, Visitor};

/// Entries of a page.
const ENTRIES: usize = 1000;

/// An entry of a guard.
pub struct Row {
    pub guard: String,
    pub guard_link: String,
    pub subject: String,
    pub why_link: String,
    /// `rule stuffing`, or who did it.
    pub by: String,
    pub verdict: String,
    pub from_ms: i64,
    pub until_ms: i64,
    pub strikes: i64,
    /// `more than 10 in 10 min`, or the operator's reason.
    pub because: String,
    pub lift: Option<String>,
}

impl Row {
    pub fn of(ban: &Ban, may_lift: bool) -> Self {
        let subject = Subject::of(ban);
        let by = match (&ban.rule, ban.by.as_deref().or(ban.acl_user.as_deref())) {
            (Some(rule), _) => shown(rule),
            (None, Some(name)) => shown(name),
            (None, None) => shown(&ban.source),
        };
        let because = match &ban.reason {
            Some(reason) => shown(reason),
            None if ban.count > 0 => {
                format!("more than {} in {}", number(ban.count), duration(ban.window_ms))
            }
            None => String::new(),
        };
        let is_liftable = may_lift && matches!(ban.source.as_str(), "rule" | "operator");
        Self {
            guard: shown(&ban.guard),
            guard_link: link("/bans", &[("guard", shown(&ban.guard).as_bytes())]),
            subject: shown(&ban.subject),
            why_link: why_link(&ban.guard, &subject),
            by,
            verdict: shown(&ban.verdict),
            from_ms: ban.from_ms,
            until_ms: ban.until_ms,
            strikes: ban.strikes,
            because,
            lift: is_liftable.then(|| forms::lift(&ban.guard, &subject, "/bans")),
        }
    }
}

fn why_link(guard: &[u8], subject: &Subject) -> String {
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
    let asked = if wanted.is_empty() { guards.clone() } else { vec![wanted.clone()] };
    let chosen = query.text("list");
    let (_, list, _, empty) = LISTS.into_iter().find(|(name, ..)| *name == chosen).unwrap_or(LISTS[0]);
    let found = bans(app.sampler.fleet(), &asked, list, ENTRIES).await;
    let frame = Frame::new(&app, &visitor, "/bans", "Bans").live();
    let tabs = LISTS.into_iter().map(|(name, each, title, _)| Tab {
        name: title,
        link: link("/bans", &[("guard", shown(&wanted).as_bytes()), ("list", name.as_bytes())]),
        is_here: each == list,
    });
    page(&BansPage {
        guards: choices(&guards, &wanted, "/bans", "guard"),
        guard: (!wanted.is_empty()).then(|| shown(&wanted)),
        tabs: tabs.collect(),
        is_cut: found.items.len() > ENTRIES,
        rows: found.items.iter().take(ENTRIES).map(|ban| Row::of(ban, frame.may_support)).collect(),
        empty,
        troubles: Trouble::all("LW.BANS", &found.failures),
        frame,
    })
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

/// What a rule has counted for a subject.
struct CountRow {
    subject: String,
    rule: String,
    units: String,
    count: String,
    window: String,
    /// How full, in percent.
    full: i64,
    strikes: i64,
    quiet_until_ms: Option<i64>,
}

impl CountRow {
    fn of(count: &Count, now_ms: i64) -> Self {
        Self {
            subject: shown(&count.subject),
            rule: shown(&count.rule),
            units: number(count.units),
            count: number(count.count),
            window: duration(count.window_ms),
            full: (count.units * 100 / count.count.max(1)).clamp(0, 100),
            strikes: count.strikes,
            quiet_until_ms: (count.quiet_until_ms > now_ms).then_some(count.quiet_until_ms),
        }
    }
}

struct ChallengeRow {
    subject: String,
    rule: String,
    verdict: String,
    from_ms: i64,
    until_ms: i64,
}

impl ChallengeRow {
    fn of(challenge: &Challenge) -> Self {
        Self {
            subject: shown(&challenge.subject),
            rule: shown(&challenge.rule),
            verdict: shown(&challenge.verdict),
            from_ms: challenge.from_ms,
            until_ms: challenge.until_ms,
        }
    }
}

/// The answer of LW.WHY.
struct Answer {
    /// The class of the style sheet.
    class: &'static str,
    /// What would happen to a call now.
    verdict: String,
    /// Why, and other things to know, a sentence each.
    sentences: Vec<String>,
    until_ms: Option<i64>,
    entries: Vec<Row>,
    challenges: Vec<ChallengeRow>,
    counts: Vec<CountRow>,
    lift: Option<String>,
    audit: Option<String>,
}

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    frame: Frame,
    guards: Vec<Choice>,
    guard: String,
    ip: String,
    user: String,
    key: String,
    hash: String,
    answer: Option<Answer>,
    troubles: Vec<Trouble>,
}

pub async fn explain(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    query: Query,
) -> Response {
    let guards = app.pages.finder.guards();
    let only_one = || guards.first().filter(|_| guards.len() == 1).cloned().unwrap_or_default();
    let wanted = query.key("guard");
    let guard = if wanted.is_empty() { only_one() } else { wanted };
    let frame = Frame::new(&app, &visitor, "/bans", "Why").live();
    let mut troubles = Vec::new();
    let mut answer = None;
    if let Some(subject) = subject_of(&query).filter(|_| !guard.is_empty()) {
        match why(app.sampler.fleet(), &guard, &subject).await {
            Ok(why) => answer = Some(answer_of(&guard, &subject, &why, &frame)),
            Err(failure) => troubles.push(trouble(&app, &guard, &failure)),
        }
    }
    page(&WhyPage {
        guards: choices(&guards, &guard, "/why", "guard"),
        guard: shown(&guard),
        ip: field(query.bytes("ip")),
        user: field(query.bytes("user")),
        key: field(query.bytes("key")),
        hash: field(query.bytes("hash")),
        answer,
        troubles,
        frame,
    })
}

fn trouble(app: &App, guard: &[u8], why: &Failure) -> Trouble {
    let node = app.sampler.fleet().primary_of(guard).map(|node| node.name());
    let node = node.unwrap_or_else(|_| "The primary".into());
    match why.code.as_str() {
        "LWNORULE" => Trouble(format!(
            "There are no rules for a guard of the name {}: rules belong to the part of the name before the first colon.",
            shown(guard)
        )),
        "WRONGTYPE" => Trouble(format!("The key {} is not a guard.", shown(guard))),
        _ => Trouble::of("LW.WHY", &node, why),
    }
}

fn subject_of(query: &Query) -> Option<Subject> {
    let (ip, user) = (query.text("ip"), query.bytes("user").to_vec());
    let (key, hash) = (query.bytes("key").to_vec(), query.text("hash"));
    match (ip.is_empty(), user.is_empty()) {
        (false, false) => Some(Subject::Pair(ip, user)),
        (false, true) => Some(Subject::Ip(ip)),
        (true, false) => Some(Subject::User(user)),
        _ if !key.is_empty() => Some(Subject::Key(key)),
        _ if !hash.is_empty() => Some(Subject::Hash(hash)),
        _ => None,
    }
}

fn answer_of(guard: &[u8], subject: &Subject, why: &Why, frame: &Frame) -> Answer {
    let (class, verdict) = match why.verdict.as_str() {
        "deny" => ("attack", "A call is denied now"),
        "challenge" => ("warning", "A call has to solve a challenge now"),
        _ => ("well", "A call is let through now"),
    };
    let is_restrained = !why.challenges.is_empty()
        || why.entries.iter().any(|entry| matches!(entry.source.as_str(), "rule" | "operator"));
    let back = why_link(guard, subject);
    let audit = match subject {
        Subject::Ip(ip) => Some(link("/audit", &[("ip", ip.as_bytes())])),
        Subject::User(user) => Some(link("/audit", &[("user", user)])),
        Subject::Pair(ip, user) => Some(link("/audit", &[("ip", ip.as_bytes()), ("user", user)])),
        Subject::Key(_) | Subject::Hash(_) => None,
    };
    Answer {
        class,
        verdict: verdict.into(),
        sentences: sentences(guard, why),
        until_ms: (why.retry_after_ms > 0).then(|| frame.now_ms + why.retry_after_ms),
        entries: why.entries.iter().map(|entry| Row::of(entry, false)).collect(),
        challenges: why.challenges.iter().map(ChallengeRow::of).collect(),
        counts: why.counts.iter().map(|count| CountRow::of(count, frame.now_ms)).collect(),
        lift: (is_restrained && frame.may_support).then(|| forms::lift(guard, subject, &back)),
        audit,
    }
}

fn sentences(guard: &[u8], why: &Why) -> Vec<String> {
    let mut all = Vec::new();
    let Some(subject) = &why.subject else {
        return vec![format!("There is no guard {}, so nothing is known.", shown(guard))];
    };
    let who = shown(subject);
    match (why.verdict.as_str(), why.rule.as_deref()) {
        ("allow", _) if why.entries.iter().any(|entry| entry.source == "allow") => {
            all.push(format!("An operator's entry allows {who}."));
        }
        ("allow", _) => all.push(format!("Nothing stands against {who}.")),
        (_, Some("operator")) => all.push(format!("An operator decided about {who}.")),
        (_, Some(rule)) => all.push(format!("The rule {} decides about {who}.", shown(rule))),
        (_, None) => {}
    }
    if why.would != why.verdict {
        let would = match why.would.as_str() {
            "deny" => "denied",
            "challenge" => "challenged",
            _ => "let through",
        };
        all.push(format!("If rules that only observe were enforced, it would be {would}."));
    }
    if why.known_devices > 0 && why.verdict != "allow" {
        all.push(format!(
            "{} of this user are known. From one of them the user may get in all the same.",
            super::words::count(why.known_devices, "device", "devices")
        ));
    }
    if why.known_networks > 0 {
        let known = super::words::count(why.known_networks, "network is", "networks are");
        all.push(format!("{known} known of this user: failures there never count for the address."));
    }
    all
}
