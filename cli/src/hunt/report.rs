//! What is printed.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::census::Totals;
use super::event::{DAY, HOUR};
use super::findings::{Findings, Ranking};
use super::name::Name;
use super::score::{Reason, Strange};
use crate::text::printable;

/// Reasons of a subject that are printed, and that go into the reason of a ban.
const REASONS: usize = 5;
const REASONS_OF_BAN: usize = 2;

pub(super) struct Report<'a> {
    pub(super) range: (i64, i64),
    pub(super) totals: &'a Totals,
    pub(super) findings: &'a Findings,
    pub(super) guard: &'a str,
    pub(super) store: &'a str,
    /// Alerts raised and not raised because there was one in the last day.
    pub(super) alerts: Option<(usize, usize)>,
}

impl Report<'_> {
    /// For people. `is_bold` marks the names for a terminal.
    pub(super) fn text(&self, is_bold: bool) -> String {
        let mut out = String::new();
        for (title, ranking) in [("Addresses", &self.findings.addresses), ("Users", &self.findings.users)] {
            let Some(ranking) = ranking else { continue };
            _ = writeln!(out, "{title}: {}", compared(ranking));
            for (place, strange) in ranking.strangest.iter().enumerate() {
                self.add(&mut out, place + 1, strange, is_bold);
            }
            out.push('\n');
        }
        if self.findings.rankings().any(|ranking| !ranking.strangest.is_empty()) {
            self.add_advice(&mut out);
        }
        out
    }

    fn add_advice(&self, out: &mut String) {
        let (from, to) = self.findings.night;
        _ = writeln!(
            out,
            "Night is {from}:00 to {to}:00 UTC. Somebody is always the strangest: judge by the"
        );
        out.push_str(
            "reasons, not by the score alone. The commands are for redis-cli; nobody has been banned.\n",
        );
        if self.findings.users.as_ref().is_some_and(|users| !users.strangest.is_empty()) {
            out.push_str(
                "A user may be the victim of an attack, or a customer whose program reaches a limit. LW.REVOKE\n\
                 ends the user's sessions, a thief's too; LW.BAN also keeps the owner out.\n",
            );
        }
        if self.is_short() {
            out.push_str(
                "The log covers less than three days. So nobody has habits to deviate from, and the night may\n\
                 be none: a longer log gives better answers.\n",
            );
        }
    }

    fn is_short(&self) -> bool {
        self.totals.last_ms.saturating_sub(self.totals.first_ms) < 3 * DAY - HOUR
    }

    fn add(&self, out: &mut String, place: usize, strange: &Strange, is_bold: bool) {
        let name = strange.name.shown();
        let name = if is_bold { format!("\x1b[1m{name}\x1b[0m") } else { name };
        let (first, last) = (when(strange.first_ms), when(strange.last_ms));
        _ = write!(
            out,
            "{place:3}. {name}  score {:.2}, {} calls from {first} to {last}",
            strange.score, strange.calls
        );
        _ = match &strange.standing {
            Some(standing) => writeln!(out, "; now: {}", printable(standing.as_bytes())),
            None => writeln!(out),
        };
        for reason in strange.reasons.iter().take(REASONS) {
            _ = writeln!(out, "     {}", words(reason));
        }
        if strange.reasons.is_empty() {
            out.push_str("     a little of everything, nothing by itself\n");
        }
        match self.command(strange) {
            Some(command) => _ = writeln!(out, "     {command}"),
            None => out.push_str("     no command: the log has only the beginning of the name\n"),
        }
    }

    /// What an operator may do. A user with incidents is more often a victim than an attacker.
    fn command(&self, strange: &Strange) -> Option<String> {
        if matches!(strange.name, Name::User(_)) && strange.incidents > 0 {
            return strange.name.revoke(self.store);
        }
        strange.name.ban(self.guard, &summary(strange))
    }

    /// One line, for cron and logs.
    pub(super) fn line(&self) -> String {
        let mut line = format!("lockwatch hunt: {} events", self.totals.events);
        for (what, ranking) in [("addresses", &self.findings.addresses), ("users", &self.findings.users)] {
            let Some(ranking) = ranking else { continue };
            _ = write!(line, ", {} {what}", ranking.compared);
            if ranking.is_too_small() {
                line.push_str(" (too few to compare)");
            } else if let Some(first) = ranking.strangest.first() {
                _ = write!(line, " (strangest: {} {:.2})", first.name.shown(), first.score);
            }
        }
        if self.totals.left_out > 0 {
            _ = write!(line, ", {} events of too many subjects not counted", self.totals.left_out);
        }
        if let Some((raised, repeated)) = self.alerts {
            _ = write!(line, ", {raised} alerts raised, {repeated} raised before");
        }
        line
    }

    pub(super) fn json(&self) -> Value {
        let ranking = |ranking: &Option<Ranking>| {
            ranking.as_ref().map(|ranking| {
                let strangest: Vec<Value> = ranking.strangest.iter().map(|it| self.json_of(it)).collect();
                json!({"compared": ranking.compared, "too_few": ranking.is_too_small(), "strangest": strangest})
            })
        };
        json!({
            "from_ms": self.range.0,
            "to_ms": self.range.1,
            "events": self.totals.events,
            "short_log": self.is_short(),
            "events_left_out": self.totals.left_out,
            "night_utc": {"from": self.findings.night.0, "to": self.findings.night.1},
            "addresses": ranking(&self.findings.addresses),
            "users": ranking(&self.findings.users),
            "alerts": self.alerts.map(|(raised, repeated)| json!({"raised": raised, "repeated": repeated})),
        })
    }

    fn json_of(&self, strange: &Strange) -> Value {
        let mut value = data(strange);
        value["now"] = json!(strange.standing);
        value["command"] = json!(self.command(strange));
        value
    }
}

/// What JSON and alerts say about a subject.
pub(super) fn data(strange: &Strange) -> Value {
    let reasons = strange.reasons.iter().map(|reason| {
        json!({
            "feature": reason.feature.name,
            "words": words(reason),
            "value": rounded(reason.value),
            "median": rounded(reason.median),
            "weight": rounded(reason.weight),
        })
    });
    json!({
        "sort": strange.name.sort(),
        "subject": String::from_utf8_lossy(&strange.name.bytes()),
        "score": rounded(strange.score),
        "calls": strange.calls,
        "first_ms": strange.first_ms,
        "last_ms": strange.last_ms,
        "reasons": reasons.collect::<Vec<Value>>(),
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The first reasons in words of ours, for the reason of a ban.
fn summary(strange: &Strange) -> String {
    let reasons: Vec<String> = strange.reasons.iter().take(REASONS_OF_BAN).map(words).collect();
    if reasons.is_empty() { format!("score {:.2}", strange.score) } else { reasons.join("; ") }
}

fn words(reason: &Reason) -> String {
    let feature = reason.feature;
    format!(
        "{} {}, median {}",
        feature.words,
        feature.words_for(reason.value),
        feature.words_for(reason.median)
    )
}

fn compared(ranking: &Ranking) -> String {
    if ranking.is_too_small() {
        return format!("{} with enough calls, which is too few to compare", ranking.compared);
    }
    format!("{} compared, the strangest are", ranking.compared)
}

/// A time to the minute, in UTC.
fn when(ms: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(ms.max(0) as u64);
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").chars().take(16).collect()
}
