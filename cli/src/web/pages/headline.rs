//! What is going on, in one sentence.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::alerts::{Level, data_of, told};
use super::remarks::Remark;
use super::words::{MINUTE, count, duration, percent, rate, shown};
use crate::facts::alerts::Alert;
use crate::facts::bans::Ban;
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

/// The headline for what was counted in the last `steps`, the newest `alerts`, the `bans` in force,
/// and what is `wrong`.
pub fn of(steps: &[Step], alerts: &[Alert], bans: &[Ban], wrong: Vec<Remark>, now_ms: i64) -> Headline {
    let is_recent = |ms: i64| now_ms.saturating_sub(ms) <= RECENT;
    let recent: Vec<&Alert> = alerts.iter().filter(|alert| is_recent(alert.timestamp_ms)).collect();
    let by_rules = bans.iter().filter(|ban| ban.source == "rule" && is_recent(ban.from_ms)).collect();
    let attack = attack(steps, &recent, by_rules);
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
        (Some(attack), Some(fault)) => {
            let more = and_more(faults - 1);
            (
                format!("{}; {}{more}", attack.text, fault.short()),
                format!("{}; {}", attack.state, fault.short()),
            )
        }
        (None, Some(fault)) if faults == 1 => (sentence(&fault.text), sentence(&fault.text)),
        (None, Some(fault)) => {
            let state = format!("{}, and more is wrong", sentence(fault.short()));
            (format!("{}{}", sentence(&fault.text), and_more(faults - 1)), state)
        }
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

/// That `others` are wrong, too.
fn and_more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", and one more thing is wrong".into(),
        many => format!(", and {many} more things are wrong"),
    }
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
    let nearest = ms.saturating_add(5_000) / 10_000 * 10_000;
    duration(if ms < 20_000 { ms / 1000 * 1000 } else { nearest })
}

struct Attack {
    /// Whether somebody was banned, or a token stolen: a burst alone may be a busy customer.
    is_severe: bool,
    text: String,
    state: String,
    remarks: Vec<Remark>,
}

fn attack(steps: &[Step], recent: &[&Alert], bans: Vec<&Ban>) -> Option<Attack> {
    let last_of = |event: &str| recent.iter().find(|alert| alert.event == event);
    let tokens = last_of("token.reuse").or(last_of("token.forgery"));
    let attacked = last_of("guard.attack");
    let bursts: Vec<&&Alert> = recent.iter().filter(|alert| alert.event == "burst").collect();
    // Bans that were lifted meanwhile are not in the list.
    let banned = i64::try_from(bans.len()).unwrap_or(i64::MAX).max(total(steps, Counter::Bans));
    let mut guards: BTreeSet<String> = bans.iter().map(|ban| shown(&ban.guard)).collect();
    guards.extend(attacked.and_then(|alert| guard_of(alert)));

    let events = [attacked, last_of("guard.broken"), tokens, bursts.first().copied()];
    let tags = ["attack", "guards", "tokens", "burst"];
    let mut remarks: Vec<Remark> =
        events.iter().zip(tags).filter_map(|(alert, tag)| alert.map(|alert| remark(tag, alert))).collect();
    let place = match guards.len() {
        0 => String::new(),
        1..=2 => format!(" on {}", guards.into_iter().collect::<Vec<_>>().join(" and ")),
        many => format!(" on {many} guards"),
    };
    let text = if banned > 0 {
        format!("Attack{place}: {} in the last 5 min", banned_in_words(banned, &bans))
    } else if attacked.is_some() {
        format!("Attack{place}: many more failures than usual")
    } else if tokens.is_some() {
        "A stolen or forged refresh token was used".into()
    } else if let Some(last) = bursts.first() {
        let times = if bursts.len() == 1 { "Burst".into() } else { format!("{} bursts", bursts.len()) };
        // The headline says it, so no remark has to.
        remarks.retain(|remark| remark.tag != "burst");
        format!("{times}: {}", told(last).text)
    } else {
        return None;
    };
    let is_severe = banned > 0 || attacked.is_some() || tokens.is_some();
    let state = if banned > 0 { format!("Attack{place}") } else { text.clone() };
    Some(Attack { is_severe, text, state, remarks })
}

/// `14 addresses of 3 networks banned`.
fn banned_in_words(banned: i64, bans: &[&Ban]) -> String {
    let addresses: Vec<IpAddr> = bans.iter().filter_map(|ban| ban.subject.parse().ok()).collect();
    let networks: BTreeSet<IpNet> = addresses.iter().filter_map(|address| network(*address)).collect();
    let all = usize::try_from(banned).is_ok_and(|banned| banned == addresses.len());
    if !all {
        return format!("{} banned", count(banned, "subject", "subjects"));
    }
    let from = match networks.len() {
        many if many < 2 || many == addresses.len() => String::new(),
        many => format!(" of {many} networks"),
    };
    format!("{}{from} banned", count(banned, "address", "addresses"))
}

/// The network of an address as guards see it: an IPv4 /24 or an IPv6 /48.
fn network(address: IpAddr) -> Option<IpNet> {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).ok().map(|network| network.trunc())
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

#[cfg(test)]
mod tests;
