//! What is wrong.

use super::seen::Seen;
use crate::top::problems::Level;
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[Column::text("LEVEL", 6), Column::text("PROBLEM", 20)];

pub fn table(seen: &Seen) -> Table {
    let rows = seen.problems.iter().map(|problem| Row {
        id: problem.text.clone(),
        cells: vec![
            Cell::text(problem.level.word()).tone(tone(problem.level)),
            Cell::text(problem.text.clone()),
        ],
        target: Target::Text { title: problem.level.word().into(), lines: vec![problem.text.clone()] },
    });
    Table { columns: COLUMNS, rows: rows.collect(), empty: "Nothing is wrong." }
}

pub fn tone(level: Level) -> Tone {
    match level {
        Level::Attack | Level::Error => Tone::Bad,
        Level::Warn => Tone::Warn,
    }
}
