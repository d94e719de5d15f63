//! Alerts and audit events on their way.

use std::collections::BTreeMap;

use super::seen::Seen;
use crate::info::Info;
use crate::top::cell::{harmless, millis, share};
use crate::top::rates::Rates;
use crate::top::snapshot::NodeView;
use crate::top::table::{Cell, Column, Row, Table, Target, Tone};

pub const COLUMNS: &[Column] = &[
    Column::text("NODE", 21).wide(80),
    Column::text("QUEUE", 22),
    Column::text("STATE", 10),
    Column::number("WAITING", 8),
    Column::number("FULL", 5).wide(90),
    Column::number("LAG", 7).wide(60),
    Column::number("IN/S", 6).wide(110),
    Column::number("OUT/S", 6).wide(110),
    Column::number("DEAD", 5).wide(50),
    Column::text("LAST ERROR", 20).wide(110),
];

struct Queue {
    name: String,
    state: Cell,
    waiting: i64,
    most: Option<i64>,
    lag_ms: Option<i64>,
    /// What comes and what goes, a second.
    rates: Option<(f64, f64)>,
    dead: i64,
    error: String,
}

pub fn table(seen: &Seen) -> Table {
    let mut rows = Vec::new();
    // A replica sends nothing, and its queues are those of its primary.
    for (node, info) in seen.snapshot.answers().filter(|(node, _)| node.primary) {
        let rates = seen.history.by_node.get(&node.name).cloned().unwrap_or_default();
        rows.push(row(node, alerts(info, &rates)));
        rows.extend(info.endpoints().iter().map(|line| row(node, endpoint(line))));
        rows.push(row(node, audit(info, &rates)));
    }
    Table { columns: COLUMNS, rows, empty: "No primary answers." }
}

fn alerts(info: &Info, rates: &Rates) -> Queue {
    let number = |name: &str| info.lockwatch(&format!("alert_{name}")).unwrap_or(0);
    let state = match number("endpoints") {
        0 => Cell::text("no target").tone(Tone::Faint),
        1 => Cell::text("1 target"),
        endpoints => Cell::text(format!("{endpoints} targets")),
    };
    Queue {
        name: "alerts".into(),
        state,
        waiting: number("queued"),
        most: info.lockwatch("alert_max_events"),
        lag_ms: Some(number("oldest_ms")).filter(|_| number("endpoints") > 0),
        rates: Some((rates.of("alert_raised_total"), rates.of("alert_delivered_total"))),
        dead: number("dead"),
        error: String::new(),
    }
}

fn endpoint(line: &BTreeMap<&str, &str>) -> Queue {
    let of = |name: &str| harmless(line.get(name).copied().unwrap_or_default().as_bytes());
    let state = of("state");
    let tone = match state.as_str() {
        "ok" => Tone::Good,
        "idle" => Tone::Plain,
        "held" => Tone::Warn,
        _ => Tone::Bad,
    };
    Queue {
        name: format!("  {}", of("url")),
        state: Cell::text(state).tone(tone),
        waiting: of("pending").parse().unwrap_or(0),
        most: None,
        lag_ms: None,
        rates: None,
        dead: 0,
        error: of("last_error"),
    }
}

fn audit(info: &Info, rates: &Rates) -> Queue {
    let number = |name: &str| info.lockwatch(&format!("audit_{name}")).unwrap_or(0);
    let text =
        |name: &str| harmless(info.text(&format!("lockwatch_audit_{name}")).unwrap_or_default().as_bytes());
    let state = text("state");
    let tone = match state.as_str() {
        "connected" => Tone::Good,
        "off" | "idle" => Tone::Faint,
        "waiting" => Tone::Bad,
        _ => Tone::Warn,
    };
    let database = text("postgres");
    Queue {
        name: if database.is_empty() { "audit".into() } else { format!("audit to {database}") },
        state: Cell::text(state).tone(tone),
        waiting: number("pending"),
        most: info.lockwatch("audit_max_events").filter(|_| !database.is_empty()),
        lag_ms: Some(number("lag_ms")),
        rates: Some((rates.of("audit_appended_total"), rates.of("audit_shipped_total"))),
        dead: number("dead"),
        error: text("last_error"),
    }
}

fn row(node: &NodeView, queue: Queue) -> Row {
    let none = || Cell::number(-1.0, "");
    let waiting = queue.waiting as f64;
    let lag_tone = if queue.lag_ms.unwrap_or(0) > 60_000 { Tone::Warn } else { Tone::Plain };
    let node_name = harmless(node.name.as_bytes());
    let shown = queue.name.trim().to_owned();
    let cells = vec![
        Cell::text(node_name.clone()),
        Cell::text(queue.name),
        queue.state,
        Cell::count(queue.waiting),
        queue.most.map_or_else(none, |most| Cell::number(waiting, share(waiting, most as f64))),
        queue.lag_ms.map_or_else(none, |ms| Cell::number(ms as f64, millis(ms)).tone(lag_tone)),
        queue.rates.map_or_else(none, |(into, _)| Cell::rate(into)),
        queue.rates.map_or_else(none, |(_, out)| Cell::rate(out)),
        Cell::count(queue.dead).tone(if queue.dead > 0 { Tone::Bad } else { Tone::Faint }),
        Cell::text(queue.error),
    ];
    let line =
        |(column, cell): (&Column, &Cell)| format!("{:<11} {}", column.title.to_lowercase(), cell.text);
    let lines = COLUMNS.iter().zip(&cells).map(line).collect();
    let title = format!("{shown} of {node_name}");
    Row { id: format!("{} {shown}", node.name), cells, target: Target::Text { title, lines } }
}
