//! A table as lines.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::top::cell::fit;
use crate::top::table::{Column, Order, Row, Table, Tone};
use crate::top::theme::Theme;

/// The part of a table that is on the screen.
pub struct Part {
    pub width: usize,
    /// Rows at most, besides the head.
    pub rows: usize,
    /// The first row.
    pub top: usize,
    pub selected: Option<usize>,
}

/// Before each row: the mark of the selected one.
const GUTTER: usize = 1;

/// The head of the table and its rows.
pub fn lines(theme: Theme, table: &Table, order: &Order, part: Part) -> Vec<Line<'static>> {
    let columns = shown(table.columns, part.width);
    let mut lines = vec![head(theme, &columns, order)];
    if table.rows.is_empty() {
        let text = if order.filter.is_empty() { table.empty } else { "No row contains these words." };
        lines.push(Line::from(Span::styled(format!(" {text}"), theme.of(Tone::Faint))));
    }
    let rows = table.rows.iter().enumerate().skip(part.top).take(part.rows);
    lines.extend(rows.map(|(index, row)| line(theme, &columns, row, part.selected == Some(index))));
    lines
}

/// A column that is shown: its place among all columns, itself, and its width.
type Shown = (usize, Column, usize);

/// The columns of a table that is this wide. If the last one is text, it takes what is left.
fn shown(columns: &[Column], width: usize) -> Vec<Shown> {
    let mut left = width.saturating_sub(GUTTER);
    let mut shown: Vec<Shown> = Vec::new();
    for (index, column) in columns.iter().enumerate().filter(|(_, column)| column.is_shown(width)) {
        if let Some((_, _, taken)) = shown.last() {
            left = left.saturating_sub(taken + 1);
        }
        shown.push((index, *column, column.width));
    }
    if let Some((_, column, last)) = shown.last_mut() {
        *last = if column.right { left.min(column.width) } else { left };
    }
    shown
}

fn head(theme: Theme, columns: &[Shown], order: &Order) -> Line<'static> {
    let mut spans = vec![Span::raw(" ".repeat(GUTTER))];
    for (index, column, width) in columns {
        let mark = match (order.column == Some(*index), order.reversed) {
            (true, false) => "▼",
            (true, true) => "▲",
            (false, _) => "",
        };
        spans.push(Span::styled(
            fit(&format!("{}{mark}", column.title), *width, column.right),
            theme.heading(),
        ));
        spans.push(Span::raw(" "));
    }
    spans.pop();
    Line::from(spans)
}

fn line(theme: Theme, columns: &[Shown], row: &Row, selected: bool) -> Line<'static> {
    let bar = if selected { theme.reversed() } else { Style::new() };
    let mut spans = vec![Span::styled(fit(if selected { ">" } else { "" }, GUTTER, false), bar)];
    for (index, column, width) in columns {
        let cell = &row.cells[*index];
        let style = if selected { bar } else { theme.of(cell.tone) };
        spans.push(Span::styled(fit(&cell.text, *width, column.right), style));
        spans.push(Span::styled(" ", bar));
    }
    spans.pop();
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::panels::Panel;

    #[test]
    fn columns_fit_and_leave_room_for_the_last_one() {
        for panel in Panel::ALL {
            let beside = [Panel::Keys, Panel::Bans, Panel::Nodes, Panel::Queues].contains(&panel);
            for width in if beside { 46 } else { 60 }..=250 {
                let shown = shown(panel.columns(), width);
                let taken = GUTTER + shown.iter().map(|(_, _, width)| width + 1).sum::<usize>() - 1;
                assert!(taken <= width, "{panel:?} {width}");
                let (_, last, left) = shown.last().unwrap();
                assert!(
                    *left >= if last.right { last.width } else { 9 },
                    "{panel:?} at {width} leaves {left} for {}",
                    last.title
                );
            }
        }
    }
}
