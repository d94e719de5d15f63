//! What the screen shows, once, as plain text.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ratatui::text::Line;

use super::draw::{overview, table};
use super::events::Event;
use super::fetch::Fetcher;
use super::panels::Panel;
use super::snapshot::Snapshot;
use super::state::State;
use super::table::Order;
use super::theme::Theme;

/// Fetches twice, an interval apart, because rates are differences.
pub async fn fetch(fetcher: &mut Fetcher, interval: Duration) -> [Snapshot; 2] {
    let first = fetcher.fetch().await;
    tokio::time::sleep_until((first.taken + interval).into()).await;
    fetcher.find_guards().await;
    [first, fetcher.fetch_with_bans().await]
}

/// The overview and all panels, each with at most `rows` rows.
pub fn print(snapshots: [Snapshot; 2], interval: Duration, rows: usize, width: u16) -> String {
    let theme = Theme::new(false);
    let now = Instant::now();
    let mut state = State::new(theme, interval, (width, u16::MAX), now);
    for snapshot in snapshots {
        state.update(Event::Snapshot(Box::new(snapshot)), now);
    }
    let mut out = String::new();
    let (Some(view), Some(seen)) = (state.view(), state.seen()) else { return out };
    let snapshot = &view.snapshot;
    _ = writeln!(out, "lockwatch top  {}  {}", overview::fleet(snapshot), overview::clock(snapshot.at));
    add(&mut out, &overview::problem_lines(theme, view, usize::MAX, u16::MAX));
    add(&mut out, &overview::overview(theme, Some(&seen), width));
    for panel in Panel::ALL.into_iter().filter(|panel| *panel != Panel::Problems) {
        let all = panel.table(&seen);
        out.push('\n');
        add(&mut out, &[overview::heading(theme, panel, &seen, all.rows.len())]);
        let part = table::Part { width: usize::from(width), rows, top: 0, selected: None };
        add(&mut out, &table::lines(theme, &all, &Order::default(), part));
    }
    out
}

fn add(out: &mut String, lines: &[Line]) {
    for line in lines {
        let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
        _ = writeln!(out, "{}", text.trim_end());
    }
}
