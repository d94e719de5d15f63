//! Draws the state. Every part is a list of lines of a given width, which also `--once` prints.

pub mod overview;
mod pages;
pub mod table;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::layout::{Layout, SMALLEST};
use super::panels::{Panel, Seen};
use super::state::{Mode, State};
use super::table::{Order, Tone};

pub fn draw(state: &State, frame: &mut Frame) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let problems = state.view().map_or(0, |view| view.problems.len());
    let Some(layout) = Layout::of(area.width, area.height, problems) else {
        let (width, height) = SMALLEST;
        let needed = format!("Too small: {}x{}.", area.width, area.height);
        let lines =
            [Line::from(needed), Line::from(format!("{width}x{height} are needed.")), Line::from("q quits.")];
        return put(buffer, area, &lines);
    };
    put(buffer, layout.title, &[overview::title(state, layout.title.width)]);
    put(buffer, layout.footer, &[pages::footer(state)]);
    if state.mode == Mode::Help {
        let rest = Rect { y: 1, height: area.height.saturating_sub(2), ..area };
        return put(buffer, rest, &pages::help(state.theme));
    }
    let seen = state.seen();
    let width = layout.overview.width;
    put(buffer, layout.problems, &overview::problems(state, usize::from(layout.problems.height), width));
    put(buffer, layout.overview, &overview::overview(state.theme, seen.as_ref(), width));
    put(buffer, layout.tabs, &[overview::tabs(state)]);
    match (&state.mode, &state.detail) {
        (Mode::Detail, Some(detail)) => {
            let page = layout.page();
            Clear.render(page, buffer);
            put(buffer, page, &pages::detail(state.theme, detail, page.width));
        }
        _ => put(buffer, layout.main, &selected_panel(state, &layout)),
    }
    if let (Some(side), Some(seen)) = (layout.side, seen) {
        beside(state, &seen, side, buffer);
    }
}

/// Writes lines into an area, from its top.
fn put(buffer: &mut Buffer, area: Rect, lines: &[Line]) {
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        buffer.set_line(area.x, y, line, area.width);
    }
}

fn selected_panel(state: &State, layout: &Layout) -> Vec<Line<'static>> {
    let cursor = state.cursor();
    let part = table::Part {
        width: usize::from(layout.main.width),
        rows: layout.rows(),
        top: cursor.top,
        selected: Some(cursor.index),
    };
    table::lines(state.theme, &state.table, state.order(), part)
}

/// Other panels, in a column beside the selected one.
fn beside(state: &State, seen: &Seen, side: Rect, buffer: &mut Buffer) {
    let others = match state.panel {
        Panel::Keys => [Panel::Bans, Panel::Nodes, Panel::Queues],
        Panel::Bans => [Panel::Keys, Panel::Nodes, Panel::Queues],
        _ => [Panel::Keys, Panel::Bans, Panel::Nodes],
    };
    let tables = others.map(|panel| (panel, panel.table(seen)));
    // The last two take what they need, up to a quarter each.
    let needs = |index: usize| {
        let rows = u16::try_from(tables[index].1.rows.len().max(1)).unwrap_or(u16::MAX);
        rows.saturating_add(3).min(side.height / 4)
    };
    let heights = [side.height - needs(1) - needs(2), needs(1), needs(2)];
    let line = Line::styled("│", state.theme.of(Tone::Faint));
    put(buffer, Rect { x: side.x - 2, width: 1, ..side }, &vec![line; usize::from(side.height)]);
    let mut y = side.y;
    for ((panel, table), height) in tables.iter().zip(heights) {
        let area = Rect { y, height, ..side };
        put(buffer, area, &[overview::heading(state.theme, *panel, seen, table.rows.len())]);
        let part = table::Part {
            width: usize::from(side.width),
            rows: usize::from(height.saturating_sub(3)),
            top: 0,
            selected: None,
        };
        let lines = table::lines(state.theme, table, &Order::default(), part);
        put(buffer, Rect { y: y + 1, height: height.saturating_sub(1), ..side }, &lines);
        y += height;
    }
}
