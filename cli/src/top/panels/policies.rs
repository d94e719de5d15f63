//! Calls and denials of each policy.

use super::seen::Seen;
use super::{Panel, UNKNOWN};
use crate::top::cell::{harmless, share};
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[
    Column::number("CALLS/S", 8),
    Column::number("DENIED/S", 9),
    Column::number("SHARE", 6),
    Column::number("SHADOW/S", 9).wide(70),
    Column::number("CALLS", 10).wide(80),
    Column::number("DENIED", 10).wide(70),
    Column::number("SHADOW", 10).wide(100),
    Column::text("POLICY", 16),
];

const MEMBERS: [&str; 3] = ["calls", "denied", "shadow_denied"];

pub fn table(seen: &Seen) -> Table {
    let rates = seen.rates();
    let row = |(name, totals): (String, [i64; 3])| {
        row(&name, MEMBERS.map(|member| rates.of(&format!("policy_{name}.{member}"))), totals)
    };
    let mut rows: Vec<Row> = seen.lines("lockwatch_policy_", MEMBERS).into_iter().map(row).collect();
    // The most denials first, then the most calls.
    let order = |row: &Row| [1, 0].map(|index: usize| row.cells[index].order.unwrap_or(0.0));
    rows.sort_by(|a, b| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal));
    let empty =
        if Panel::Policies.is_known(seen) { "There is no policy. LW.POLICY SET makes one." } else { UNKNOWN };
    Table { columns: COLUMNS, rows, empty }
}

fn row(name: &str, [calls, denied, shadow]: [f64; 3], totals: [i64; 3]) -> Row {
    let shown = harmless(name.as_bytes());
    let mut cells = vec![
        Cell::rate(calls),
        Cell::rate(denied).tone(if denied > 0.0 { Tone::Bad } else { Tone::Faint }),
        Cell::number(if calls > 0.0 { denied / calls } else { 0.0 }, share(denied, calls)),
        Cell::rate(shadow).tone(if shadow > 0.0 { Tone::Warn } else { Tone::Faint }),
    ];
    cells.extend(totals.map(Cell::count));
    cells.push(Cell::text(shown.clone()));
    let target = Target::Text { title: format!("Policy {shown}"), lines: explain(totals) };
    Row { id: name.to_owned(), cells, target }
}

fn explain([calls, denied, shadow]: [i64; 3]) -> Vec<String> {
    let share = if calls > 0 { format!(" ({})", share(denied as f64, calls as f64)) } else { String::new() };
    vec![
        format!("{calls} calls since the policy was made or the servers were started."),
        format!("{denied} of them were denied{share}."),
        format!("{shadow} more would have been denied if the policy were not in SHADOW."),
        String::new(),
        "LW.POLICY GET shows its limits and overrides. The panel Keys shows which keys are denied.".into(),
    ]
}
