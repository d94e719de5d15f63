//! Why somebody is blocked: LW.WHY in plain words.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::bans::{Choice, Row, choices, why_link};
use super::fetch;
use super::forms;
use super::frame::{Frame, Trouble, page};
use super::lifted::lifted;
use super::query::{Query, field, link};
use super::rules::sentence;
use super::words::{When, count, duration, number, shown};
use crate::connect::failure::Failure;
use crate::facts::bans::Ban;
use crate::facts::rules::{Rule, find};
use crate::facts::why::{Challenge, Count, Subject, Why};
use crate::web::app::{App, Visitor};

/// Bans and challenges that get a sentence each. The tables show all.
const SENTENCES: usize = 4;

/// What a rule has counted for a subject.
struct CountRow {
    subject: String,
    rule: String,
    units: String,
    count: String,
    window: String,
    /// How full, in percent.
    full: i64,
    strikes: Option<String>,
    quiet_until_ms: Option<i64>,
    /// Whether the count began anew with a ban in force, and is below what led to it.
    is_set_back: bool,
}

impl CountRow {
    fn of(counted: &Count, entries: &[Ban], now_ms: i64) -> Self {
        let is_cause = |ban: &Ban| {
            ban.source == "rule" && ban.subject == counted.subject && ban.rule.as_ref() == Some(&counted.rule)
        };
        Self {
            is_set_back: counted.units < counted.count && entries.iter().any(is_cause),
            subject: shown(&counted.subject),
            rule: shown(&counted.rule),
            units: number(counted.units),
            count: number(counted.count),
            window: duration(counted.window_ms),
            full: (counted.units * 100 / counted.count.max(1)).clamp(0, 100),
            strikes: (counted.strikes > 0).then(|| count(counted.strikes, "ban before", "bans before")),
            quiet_until_ms: (counted.quiet_until_ms > now_ms).then_some(counted.quiet_until_ms),
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
    /// Why, and other things to know.
    sentences: Vec<String>,
    entries: Vec<Row>,
    challenges: Vec<ChallengeRow>,
    counts: Vec<CountRow>,
    lift: Option<String>,
    /// What the subject did.
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
    let frame = Frame::new(&app, &visitor, "/bans", "Why is somebody blocked?").live();
    let mut troubles = Vec::new();
    let mut answer = None;
    if let Some(subject) = subject_of(&query).filter(|_| !guard.is_empty()) {
        let fetch = fetch::reasons(Arc::clone(app.sampler.fleet()), guard.clone(), subject.clone());
        let facts = app.pages.why.get((guard.clone(), subject.clone()), fetch).await;
        match &*facts {
            (Ok(found), rules, alerts) => {
                let mut all = answer_of(&guard, &subject, found, rules, &frame);
                all.sentences.extend(lifted(&alerts.items, &guard, found, frame.now_ms));
                all.sentences.extend(hint(&subject, found));
                answer = Some(all);
            }
            (Err(failure), ..) => troubles.push(trouble(&app, &guard, failure)),
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

/// What a user's name means that looks like a hash.
fn hint(subject: &Subject, why: &Why) -> Option<String> {
    let Subject::User(user) = subject else { return None };
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_hash = user.len() == 16 && user.iter().all(is_digit);
    (is_hash && why.entries.is_empty()).then(|| {
        "This name looks like a hash of the list of bans: ask for it in the field for a hash.".into()
    })
}

fn trouble(app: &App, guard: &[u8], why: &Failure) -> Trouble {
    let node = app.sampler.fleet().primary_of(guard).map(|node| node.name());
    let name = shown(guard);
    Trouble(match why.code.as_str() {
        "LWNORULE" => format!("There are no rules for a guard of the name {name}: {}.", shown(&why.text)),
        "WRONGTYPE" => format!("The key {name} is not a guard."),
        _ => return Trouble::of("LW.WHY", &node.unwrap_or_else(|_| "The primary".into()), why),
    })
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

fn answer_of(guard: &[u8], subject: &Subject, why: &Why, rules: &[Rule], frame: &Frame) -> Answer {
    let (class, verb) = match why.verdict.as_str() {
        "deny" => ("attack", "is denied"),
        "challenge" => ("warning", "has to solve a challenge"),
        _ => ("well", "is let through"),
    };
    let who = name_of(subject, why);
    let rest = if why.retry_after_ms > 0 {
        format!(" for another {}", duration(why.retry_after_ms))
    } else {
        String::new()
    };
    let is_held = |entry: &Ban| matches!(entry.source.as_str(), "rule" | "operator");
    let is_liftable = !why.challenges.is_empty() || why.entries.iter().any(is_held);
    let back = why_link(guard, subject);
    let audit = match subject {
        Subject::Ip(ip) => Some(link("/audit", &[("ip", ip.as_bytes())])),
        Subject::User(user) => Some(link("/audit", &[("user", user)])),
        Subject::Pair(ip, user) => Some(link("/audit", &[("ip", ip.as_bytes()), ("user", user)])),
        Subject::Key(_) | Subject::Hash(_) => None,
    };
    Answer {
        class,
        verdict: format!("{who} {verb} at {}{rest}", shown(guard)),
        sentences: sentences(guard, why, rules, frame.now_ms),
        entries: why.entries.iter().map(|entry| entry_row(entry, why, rules, &back)).collect(),
        challenges: why.challenges.iter().map(ChallengeRow::of).collect(),
        counts: why.counts.iter().map(|count| CountRow::of(count, &why.entries, frame.now_ms)).collect(),
        lift: (is_liftable && frame.may_support).then(|| forms::lift(guard, subject, &back)),
        audit,
    }
}

/// `here` is the link to this page.
fn entry_row(entry: &Ban, why: &Why, rules: &[Rule], here: &str) -> Row {
    let row = Row::of(entry, rules, None);
    let is_here = row.why_link == here || (entry.hash.is_some() && entry.hash == why.hash);
    Row { is_here, ..row }
}

/// The subject, by the name that was asked for where the guard only has a hash.
fn name_of(subject: &Subject, why: &Why) -> String {
    match subject {
        Subject::Ip(_) | Subject::Hash(_) => why.subject.as_deref().map_or_else(|| "It".into(), shown),
        Subject::User(user) => format!("The user {}", shown(user)),
        Subject::Pair(ip, user) => format!("The user {} at {}", shown(user), shown(ip)),
        Subject::Key(key) => format!("The key {}", shown(key)),
    }
}

fn sentences(guard: &[u8], why: &Why, rules: &[Rule], now_ms: i64) -> Vec<String> {
    if why.subject.is_none() {
        return vec![format!("There is no guard {}, so nothing is known.", shown(guard))];
    }
    let mut all: Vec<String> =
        why.entries.iter().take(SENTENCES).map(|entry| entry_of(entry, now_ms)).collect();
    all.extend(why.challenges.iter().take(SENTENCES).map(|challenge| challenge_of(challenge, now_ms)));
    if all.is_empty() {
        all.push("Nothing stands against it: no ban, no challenge and no allow entry.".into());
    }
    let fired = why.entries.iter().filter_map(|entry| Some((entry.rule.as_deref()?, entry.count)));
    let challenged = why.challenges.iter().map(|challenge| {
        let counted = why.counts.iter().find(|count| count.rule == challenge.rule);
        (challenge.rule.as_str(), counted.map_or(0, |count| count.count))
    });
    let mut explained: Vec<String> = fired
        .chain(challenged)
        .filter_map(|(name, most)| find(rules, guard, name, most))
        .map(sentence)
        .collect();
    explained.dedup();
    all.extend(explained.into_iter().take(SENTENCES));
    if why.would != why.verdict {
        all.push(format!(
            "If the rules that only observe were enforced, the verdict would be {}.",
            shown(&why.would)
        ));
    }
    if why.known_devices > 0 && why.verdict != "allow" {
        let devices = count(why.known_devices, "device", "devices");
        all.push(format!("{devices} of this user are known. From there the user may get in all the same."));
    }
    if why.known_networks > 0 {
        let known = count(why.known_networks, "network is", "networks are");
        all.push(format!("{known} known of this user: failures there do not count for the address."));
    }
    all
}

fn entry_of(entry: &Ban, now_ms: i64) -> String {
    let who = shown(&entry.subject);
    let (since, end) = (When::of(entry.from_ms, now_ms).relative, When::of(entry.until_ms, now_ms).relative);
    let by = entry.by.as_deref().or(entry.acl_user.as_deref()).map_or_else(|| "an operator".into(), shown);
    let reason = entry.reason.as_deref().map(|reason| format!(": {}", shown(reason))).unwrap_or_default();
    let rule = shown(entry.rule.as_deref().unwrap_or_default());
    let again = match entry.strikes {
        ..=0 => String::new(),
        strikes => format!(" It lasts longer after {}.", count(strikes, "earlier ban", "earlier bans")),
    };
    match entry.source.as_str() {
        "allow" => format!("{who} was allowed {since} by {by}{reason}. The entry ends {end}."),
        "operator" => format!("{who} was banned {since} by {by}{reason}. The ban ends {end}."),
        "observed" => format!("The rule {rule} would have banned {who} {since}, and only observes."),
        _ => format!("{who} was banned {since} by the rule {rule}. The ban ends {end}.{again}"),
    }
}

fn challenge_of(challenge: &Challenge, now_ms: i64) -> String {
    let (who, rule) = (shown(&challenge.subject), shown(&challenge.rule));
    let since = When::of(challenge.from_ms, now_ms).relative;
    let end = When::of(challenge.until_ms, now_ms).relative;
    if challenge.verdict == "deny" {
        return format!(
            "{who} solved a challenge of the rule {rule} and went on, so it is denied until {end}."
        );
    }
    format!("{who} was challenged {since} by the rule {rule}. The challenge ends {end}.")
}
