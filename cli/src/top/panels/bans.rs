//! Who is banned.

use super::seen::Seen;
use super::{Panel, UNKNOWN};
use crate::facts::bans::Ban;
use crate::top::cell::{harmless, millis};
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[
    Column::number("SINCE", 8).wide(100),
    Column::number("LEFT", 8),
    Column::number("STRIKES", 7).wide(60),
    Column::text("GUARD", 10).wide(60),
    Column::text("RULE", 10),
    Column::text("SUBJECT", 40),
    Column::text("WHY", 20).wide(110),
];

pub fn table(seen: &Seen) -> Table {
    let now = seen.now_ms();
    let bans = seen.snapshot.bans.list.iter().filter(|ban| ban.until_ms > now);
    let rows = bans.map(|ban| row(ban, now)).collect();
    Table { columns: COLUMNS, rows, empty: empty(seen) }
}

fn empty(seen: &Seen) -> &'static str {
    let snapshot = seen.snapshot;
    match () {
        () if Panel::Bans.is_known(seen) => "Nobody is banned.",
        () if !snapshot.is_complete() => UNKNOWN,
        () if !snapshot.bans.known => "Not known: LW.BANS has failed.",
        () if !snapshot.may_search => "Not known: guards can't be searched for by SCAN; --guard names one.",
        () => "The search for guards goes on; --guard names one.",
    }
}

fn row(ban: &Ban, now: i64) -> Row {
    let (since, left) = (now.saturating_sub(ban.from_ms).max(0), ban.until_ms.saturating_sub(now));
    let rule = ban.rule.as_deref().unwrap_or(&ban.source);
    let strikes = if ban.strikes > 0 { Tone::Warn } else { Tone::Faint };
    let seconds = |ms: i64| millis(ms / 1000 * 1000);
    Row {
        id: format!("{} {} {}", ban.guard.escape_ascii(), ban.subject, ban.source),
        cells: vec![
            Cell::number(-(since as f64), seconds(since)),
            Cell::number(left as f64, seconds(left)),
            Cell::count(ban.strikes).tone(strikes),
            Cell::text(harmless(&ban.guard)),
            Cell::text(harmless(rule.as_bytes())).tone(Tone::Bad),
            Cell::text(harmless(ban.subject.as_bytes())),
            Cell::text(why(ban)),
        ],
        target: Target::Ban(Box::new(ban.clone())),
    }
}

/// What an operator said, or how much the rule admits.
fn why(ban: &Ban) -> String {
    let said = |text: &Option<String>| text.as_deref().map(|text| harmless(text.as_bytes()));
    if ban.source == "operator" {
        let by = said(&ban.by).or_else(|| said(&ban.acl_user)).unwrap_or_default();
        return format!("by {by}: {}", said(&ban.reason).unwrap_or_default());
    }
    format!("more than {} within {}", ban.count, millis(ban.window_ms))
}
