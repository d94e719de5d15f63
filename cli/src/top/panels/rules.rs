//! How often each rule of a guard fired, and what came of it.

use super::seen::Seen;
use super::{Panel, UNKNOWN};
use crate::top::cell::harmless;
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[
    Column::number("FIRED/S", 8),
    Column::number("CHALL./S", 9),
    Column::number("DENIED/S", 9),
    Column::number("FIRED", 9).wide(75),
    Column::number("CHALL.", 9).wide(75),
    Column::number("DENIED", 9).wide(75),
    Column::number("OBSERVED", 9).wide(90),
    Column::text("RULE", 16),
];

const MEMBERS: [&str; 4] = ["fired", "challenged", "denied", "observed"];

pub fn table(seen: &Seen) -> Table {
    let rates = seen.rates();
    let rules = seen.lines("lockwatch_guard_", MEMBERS).into_iter().filter(|(name, _)| name.contains('/'));
    let row = |(name, totals): (String, [i64; 4])| {
        row(&name, MEMBERS.map(|member| rates.of(&format!("guard_{name}.{member}"))), totals)
    };
    let mut rows: Vec<Row> = rules.map(row).collect();
    // What happens now first, then what has happened most.
    let order = |row: &Row| [2, 1, 0, 3].map(|index: usize| row.cells[index].order.unwrap_or(0.0));
    rows.sort_by(|a, b| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal));
    let empty = if Panel::Rules.is_known(seen) { "No rule of a guard has fired yet." } else { UNKNOWN };
    Table { columns: COLUMNS, rows, empty }
}

fn row(name: &str, [fired, challenged, denied, _]: [f64; 4], totals: [i64; 4]) -> Row {
    let shown = harmless(name.as_bytes());
    let tone = |rate: f64, tone| if rate > 0.0 { tone } else { Tone::Faint };
    let mut cells = vec![
        Cell::rate(fired),
        Cell::rate(challenged).tone(tone(challenged, Tone::Warn)),
        Cell::rate(denied).tone(tone(denied, Tone::Bad)),
    ];
    cells.extend(totals.map(Cell::count));
    cells.push(Cell::text(shown.clone()));
    let target = Target::Text { title: format!("Rule {shown}"), lines: explain(totals) };
    Row { id: name.to_owned(), cells, target }
}

fn explain([fired, challenged, denied, observed]: [i64; 4]) -> Vec<String> {
    vec![
        format!("It has fired {fired} times since the servers were started or the guard got the rule."),
        format!("{challenged} calls were challenged because of it, and {denied} denied."),
        format!("{observed} times nothing came of it, because the rule only observes."),
        String::new(),
        "LW.RULES shows what it counts. The panel Bans shows whom it has banned.".into(),
    ]
}
