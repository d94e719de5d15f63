//! What is going on, in one sentence.

use std::collections::BTreeSet;

use super::alerts::{Level, data_of, told};
use super::remarks::Remark;
use super::words::{MINUTE, count, duration, percent, rate, shown};
use crate::facts::alerts::Alert;
use crate::web::history::{Counter, Step, seconds, span, total};

/// Alerts that are older than this do not make the headline.
const RECENT: i64 = 5 * MINUTE;

#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// The class of the style sheet: `well`, `warning`, `attack` or `broken`.
    pub class: &'static str,
    pub text: String,
    /// The headline without numbers: a screen reader is told when this changes.
    pub state: String,
    /// What is behind it, the attack first.
    pub remarks: Vec<Remark>,
}

/// The headline for what was counted in the last `steps`, the newest `alerts`, and what is `wrong`.
pub fn of(steps: &[Step], alerts: &[Alert], wrong: Vec<Remark>, now_ms: i64) -> Headline {
    let recent: Vec<&Alert> = alerts.iter().filter(|alert| now_ms - alert.timestamp_ms <= RECENT).collect();
    let attack = attack(steps, &recent);
    let worst = wrong.iter().map(|remark| remark.level).max().unwrap_or(Level::Fine);
    let faults = wrong.iter().filter(|remark| remark.level >= Level::Warning).count();
    let class = match (&attack, worst) {
        (Some(attack), _) if attack.is_severe => "attack",
        (_, Level::Bad) => "broken",
        (Some(_), _) | (_, Level::Warning) => "warning",
        _ => "well",
    };
    let first_fault = wrong.iter().find(|remark| remark.level >= Level::Warning);
    let (text, state) = match (&attack, first_fault) {
        (Some(attack), None) => (attack.text.clone(), attack.state.clone()),
        (Some(attack), Some(_)) => {
            let more =
                if faults == 1 { "something is wrong".into() } else { format!("{faults} things are wrong") };
            (format!("{}; {more}", attack.text), format!("{}; something is wrong", attack.state))
        }
        (None, Some(fault)) if faults == 1 => (sentence(&fault.text), sentence(&fault.text)),
        (None, Some(_)) => (format!("{faults} things are wrong"), "Several things are wrong".into()),
        (None, None) => (calm(steps), "All is well".into()),
    };
    let mut remarks = attack.map(|attack| attack.remarks).unwrap_or_default();
    // The headline has said it.
    let only_fault = remarks.is_empty() && faults == 1 && wrong.len() == 1 && wrong[0].since_ms.is_none();
    if !only_fault {
        remarks.extend(wrong);
    }
    Headline { class, text, state, remarks }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn calm(steps: &[Step]) -> String {
    let calls = total(steps, Counter::Calls);
    let asked = total(steps, Counter::Attempts);
    let seconds = seconds(steps).max(0.001);
    if steps.is_empty() {
        return "All is well so far: rates show in a few seconds".into();
    }
    if calls == 0 && asked == 0 {
        return format!("All is quiet: no calls in the last {}", period(steps));
    }
    if calls == 0 {
        return format!("All is well: {} calls/s of guards", rate(asked as f64 / seconds));
    }
    let share = total(steps, Counter::Denied) as f64 / calls as f64;
    format!("All is well: {} calls/s, {} denied", rate(calls as f64 / seconds), percent(share))
}

/// The time that the steps cover, in words.
pub fn period(steps: &[Step]) -> String {
    let ms = i64::try_from(span(steps).as_millis()).unwrap_or(i64::MAX);
    // Five minutes of steps are a little more or less.
    let nearest = (ms + 5_000) / 10_000 * 10_000;
    duration(if ms < 20_000 { ms / 1000 * 1000 } else { nearest })
}

struct Attack {
    /// Whether somebody was banned, or a token stolen: a burst alone may be a busy customer.
    is_severe: bool,
    text: String,
    state: String,
    remarks: Vec<Remark>,
}

fn attack(steps: &[Step], recent: &[&Alert]) -> Option<Attack> {
    let bans = total(steps, Counter::Bans);
    let tokens = recent.iter().find(|alert| matches!(alert.event.as_str(), "token.reuse" | "token.forgery"));
    let under_attack: Vec<&&Alert> = recent.iter().filter(|alert| alert.event == "guard.attack").collect();
    let by_rules = |alert: &&&Alert| alert.event == "guard.ban" && data_of(alert)["rule"].is_string();
    let mut guards: BTreeSet<String> = BTreeSet::new();
    let banning = recent.iter().filter(by_rules);
    guards.extend(banning.chain(under_attack.iter().copied()).filter_map(|alert| guard_of(alert)));
    let bursts: Vec<&&Alert> = recent.iter().filter(|alert| alert.event == "burst").collect();

    let mut remarks = Vec::new();
    remarks.extend(under_attack.first().map(|alert| remark("attack", alert)));
    let last_of = |event: &str| recent.iter().find(|alert| alert.event == event);
    remarks.extend(last_of("guard.broken").map(|alert| remark("guards", alert)));
    remarks.extend(tokens.map(|alert| remark("tokens", alert)));
    remarks.extend(bursts.first().map(|alert| remark("burst", alert)));

    let where_to = match guards.len() {
        0 => String::new(),
        1..=2 => format!(" on {}", guards.into_iter().collect::<Vec<_>>().join(" and ")),
        many => format!(" on {many} guards"),
    };
    let text = if bans > 0 {
        let banned = count(bans, "subject", "subjects");
        format!("Attack{where_to}: {banned} banned in the last {}", period(steps))
    } else if !under_attack.is_empty() {
        format!("Attack{where_to}: many more failures than usual")
    } else if tokens.is_some() {
        "A stolen or forged refresh token was used".into()
    } else if let Some(last) = bursts.first() {
        let times = if bursts.len() == 1 { "Burst".into() } else { format!("{} bursts", bursts.len()) };
        format!("{times}: {}", told(last).text)
    } else {
        return None;
    };
    let is_severe = bans > 0 || !under_attack.is_empty() || tokens.is_some();
    let state = if bans > 0 { format!("Attack{where_to}") } else { text.clone() };
    if !is_severe && bursts.len() == 1 {
        // The headline has said it.
        remarks.retain(|remark| remark.tag != "burst");
    }
    Some(Attack { is_severe, text, state, remarks })
}

fn guard_of(alert: &Alert) -> Option<String> {
    data_of(alert)["key"].as_str().map(shown)
}

fn remark(tag: &'static str, alert: &Alert) -> Remark {
    let told = told(alert);
    Remark {
        level: told.level,
        tag,
        text: told.text,
        link: told.link.unwrap_or_else(|| "/".into()),
        name: String::new(),
        since_ms: Some(alert.timestamp_ms),
    }
}
