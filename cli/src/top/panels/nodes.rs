//! The servers.

use std::time::Duration;

use super::seen::Seen;
use crate::info::Info;
use crate::top::activity::Activity;
use crate::top::cell::{bytes, harmless, time};
use crate::top::snapshot::NodeView;
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[
    Column::text("NODE", 21),
    Column::text("ROLE", 7),
    Column::number("LATENCY", 8).wide(60),
    Column::number("MEMORY", 8).wide(56),
    Column::number("OPS/S", 6).wide(70),
    Column::number("CALLS/S", 8).wide(100),
    Column::number("DENIED/S", 9).wide(80),
    Column::number("CLIENTS", 8).wide(100),
    Column::number("UPTIME", 8).wide(110),
    Column::text("VERSION", 9).wide(120),
    Column::text("STATE", 12),
];

pub fn table(seen: &Seen) -> Table {
    let rows = seen.snapshot.nodes.iter().map(|node| row(seen, node)).collect();
    Table { columns: COLUMNS, rows, empty: "No server is known yet." }
}

fn row(seen: &Seen, node: &NodeView) -> Row {
    let name = harmless(node.name.as_bytes());
    let role = Cell::text(if node.primary { "primary" } else { "replica" });
    let mut cells = vec![Cell::text(name.clone()), role];
    match &node.info {
        Ok(info) => cells.extend(numbers(seen, node, info)),
        Err(_) => cells.resize(COLUMNS.len() - 1, Cell::number(-1.0, "-").tone(Tone::Faint)),
    }
    cells.push(state(seen, node));
    let lines = details(node, &cells);
    Row { id: node.name.clone(), cells, target: Target::Text { title: format!("Node {name}"), lines } }
}

fn numbers(seen: &Seen, node: &NodeView, info: &Info) -> Vec<Cell> {
    let rates = seen.history.by_node.get(&node.name).cloned().unwrap_or_default();
    let calls = Activity::ALL.iter().map(|activity| activity.calls(&rates)).sum();
    let denied: f64 = Activity::ALL.iter().map(|activity| activity.denied(&rates)).sum();
    let number = |name: &str| info.number(name).unwrap_or(0);
    let ms = node.elapsed.as_secs_f64() * 1e3;
    let memory = number("used_memory") as f64;
    let uptime = Duration::from_secs(number("uptime_in_seconds").unsigned_abs());
    vec![
        Cell::number(ms, format!("{ms:.1} ms")).tone(if ms > 100.0 { Tone::Warn } else { Tone::Plain }),
        Cell::number(memory, bytes(memory)),
        Cell::rate(rates.of("total_commands_processed")),
        Cell::rate(calls),
        Cell::rate(denied).tone(if denied > 0.0 { Tone::Bad } else { Tone::Faint }),
        Cell::count(number("connected_clients")),
        Cell::number(uptime.as_secs_f64(), time(uptime)),
        Cell::text(harmless(info.text("lockwatch_version").unwrap_or("-").as_bytes())),
    ]
}

fn state(seen: &Seen, node: &NodeView) -> Cell {
    match &node.info {
        Err(why) => Cell::text(seen.away.explain(&node.name, why, seen.now)).tone(Tone::Bad),
        Ok(info) if !info.has_module() => Cell::text("no module").tone(Tone::Bad),
        Ok(info) if info.text("loading") == Some("1") => Cell::text("loading").tone(Tone::Warn),
        Ok(info) if info.text("master_link_status") == Some("down") => {
            Cell::text("link to primary down").tone(Tone::Bad)
        }
        Ok(_) => Cell::text("ok").tone(Tone::Good),
    }
}

/// The row, and every field of the module in INFO.
fn details(node: &NodeView, cells: &[Cell]) -> Vec<String> {
    let line =
        |(column, cell): (&Column, &Cell)| format!("{:<10} {}", column.title.to_lowercase(), cell.text);
    let mut lines: Vec<String> = COLUMNS.iter().zip(cells).map(line).collect();
    if let Ok(info) = &node.info {
        lines.push(String::new());
        let fields = info.below("lockwatch_").map(|(name, value)| format!("{name}: {value}"));
        lines.extend(fields.map(|line| harmless(line.as_bytes())));
    }
    lines
}
