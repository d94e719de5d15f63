//! The keys that were denied most.

use super::seen::Seen;
use super::{Panel, UNKNOWN};
use crate::facts::top::TopKey;
use crate::top::cell::{harmless, millis, share};
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[
    Column::number("DENIED", 7),
    Column::number("SHARE", 6),
    Column::number("LAST", 7).wide(60),
    Column::text("POLICY", 16).wide(60),
    Column::number("ERROR", 6).wide(100),
    Column::number("DB", 3).wide(100),
    Column::text("NODE", 21).wide(120),
    Column::text("KEY", 20),
];

pub fn table(seen: &Seen) -> Table {
    let all = seen.snapshot.sum("top_denials") as f64;
    Table {
        columns: COLUMNS,
        rows: seen.snapshot.keys.iter().map(|key| row(seen, key, all)).collect(),
        empty: match () {
            () if Panel::Keys.is_known(seen) => "No call was denied lately.",
            () if !seen.snapshot.is_complete() => UNKNOWN,
            () => "Not known: LW.TOP has failed.",
        },
    }
}

fn row(seen: &Seen, key: &TopKey, all: f64) -> Row {
    let (denied, age) = (key.denied as f64, seen.now_ms().saturating_sub(key.last_ms).max(0));
    // What was denied within the last seconds is what happens now.
    let tone = if age < 5_000 { Tone::Bad } else { Tone::Plain };
    let policy = match &key.policy {
        Some(policy) => Cell::text(harmless(policy.as_bytes())),
        None => Cell::text("(in the call)").tone(Tone::Faint),
    };
    Row {
        id: format!("{} {} {}", key.node, key.db, key.key.escape_ascii()),
        cells: vec![
            Cell::count(key.denied).tone(tone),
            // Every number is rounded up, so that the parts can exceed the sum.
            Cell::number(denied, share(denied.min(all), all)),
            Cell::number(-(age as f64), millis(age / 1000 * 1000)),
            policy,
            Cell::count(key.error),
            Cell::count(key.db),
            Cell::text(harmless(key.node.as_bytes())),
            Cell::text(harmless(&key.key)),
        ],
        target: Target::Key(Box::new(key.clone())),
    }
}
