//! A table that can be sorted, filtered and scrolled, of whatever it consists.

use std::cmp::Ordering;

use crate::facts::bans::Ban;
use crate::facts::top::TopKey;

/// How a cell looks, besides what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Faint,
    Heading,
    Good,
    Warn,
    Bad,
}

#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// In columns of the terminal. If the last one of a table is text, it takes what is left.
    pub width: usize,
    /// Numbers are aligned at the right.
    pub right: bool,
    /// It is shown where the table is at least this wide.
    pub from: usize,
}

impl Column {
    pub const fn text(title: &'static str, width: usize) -> Self {
        Self { title, width, right: false, from: 0 }
    }

    pub const fn number(title: &'static str, width: usize) -> Self {
        Self { title, width, right: true, from: 0 }
    }

    pub const fn wide(self, from: usize) -> Self {
        Self { from, ..self }
    }

    /// Whether it is shown in a table of this width.
    pub fn is_shown(&self, width: usize) -> bool {
        width >= self.from
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    /// What a column of numbers is sorted by, the largest first. Texts have none.
    pub order: Option<f64>,
    pub tone: Tone,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn number(order: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), order: Some(order), tone: Tone::Plain }
    }

    /// A rate a second. A zero is faint.
    pub fn rate(rate: f64) -> Self {
        let tone = if rate > 0.0 { Tone::Plain } else { Tone::Faint };
        Self::number(rate, super::cell::number(rate)).tone(tone)
    }

    pub fn count(count: i64) -> Self {
        Self::number(count as f64, count.to_string())
    }

    pub fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// What the detail view of a row asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Key(Box<TopKey>),
    Ban(Box<Ban>),
    /// Everything that is known already.
    Text {
        title: String,
        lines: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Stays the same when the row's numbers change, so that the selection stays on it.
    pub id: String,
    pub cells: Vec<Cell>,
    pub target: Target,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub columns: &'static [Column],
    pub rows: Vec<Row>,
    /// Said in place of rows.
    pub empty: &'static str,
}

/// Which rows are shown, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The column that the rows are sorted by; `None` for the order that they come in.
    pub column: Option<usize>,
    pub reversed: bool,
    pub filter: String,
}

impl Table {
    /// Keeps the rows that contain the filter's words in any of their cells, and sorts them.
    pub fn arrange(&mut self, order: &Order) {
        let words: Vec<String> = order.filter.split_whitespace().map(str::to_lowercase).collect();
        if !words.is_empty() {
            self.rows.retain(|row| {
                let text: Vec<String> = row.cells.iter().map(|cell| cell.text.to_lowercase()).collect();
                words.iter().all(|word| text.iter().any(|text| text.contains(word)))
            });
        }
        if let Some(column) = order.column.filter(|column| *column < self.columns.len()) {
            self.rows
                .sort_by(|a, b| compare(&a.cells[column], &b.cells[column]).then_with(|| a.id.cmp(&b.id)));
        }
        if order.reversed {
            self.rows.reverse();
        }
    }
}

/// The largest number first, and texts from A to Z.
fn compare(a: &Cell, b: &Cell) -> Ordering {
    match (a.order, b.order) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.text.cmp(&b.text),
    }
}

/// The selected row, and the first one on the screen.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    id: Option<String>,
    pub index: usize,
    pub top: usize,
}

impl Cursor {
    /// Finds the selected row again after the rows have changed.
    pub fn follow(&mut self, rows: &[Row]) {
        let found = self.id.as_ref().and_then(|id| rows.iter().position(|row| row.id == *id));
        self.select(rows, found.unwrap_or(self.index));
    }

    /// Selects the row at `index`, or the last one.
    pub fn select(&mut self, rows: &[Row], index: usize) {
        self.index = index.min(rows.len().saturating_sub(1));
        // Until somebody moves it, the selection stays on the first row, whichever that is.
        self.id =
            rows.get(self.index).filter(|_| self.index > 0 || self.id.is_some()).map(|row| row.id.clone());
    }

    /// Moves the selection, and pins it to its row.
    pub fn step(&mut self, rows: &[Row], by: isize) {
        let index = self.index.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.id = rows.get(index).map(|row| row.id.clone());
        self.index = index;
    }

    /// Scrolls so that the selected row is among `height` rows.
    pub fn scroll(&mut self, height: usize) {
        let height = height.max(1);
        self.top = self.top.min(self.index).max((self.index + 1).saturating_sub(height));
    }

    /// The selection goes to the first row, whichever that is.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column::number("N", 4), Column::text("NAME", 9)];

    fn table(rows: &[(i64, &str)]) -> Table {
        let row = |(n, name): &(i64, &str)| Row {
            id: (*name).into(),
            cells: vec![Cell::count(*n), Cell::text(*name)],
            target: Target::Text { title: String::new(), lines: Vec::new() },
        };
        Table { columns: COLUMNS, rows: rows.iter().map(row).collect(), empty: "" }
    }

    fn ids(table: &Table) -> Vec<&str> {
        table.rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn rows_are_sorted_and_filtered() {
        let order = |column, reversed, filter: &str| {
            let mut table = table(&[(10, "Beta"), (9, "alpha"), (100, "gamma beta")]);
            table.arrange(&Order { column, reversed, filter: filter.into() });
            ids(&table).join(" ")
        };
        assert_eq!(order(None, false, ""), "Beta alpha gamma beta");
        assert_eq!(order(Some(0), false, ""), "gamma beta Beta alpha");
        assert_eq!(order(Some(0), true, ""), "alpha Beta gamma beta");
        assert_eq!(order(Some(1), false, ""), "Beta alpha gamma beta");
        assert_eq!(order(Some(0), false, "BETA"), "gamma beta Beta");
        assert_eq!(order(None, false, "beta gam"), "gamma beta");
        assert_eq!(order(None, false, "nothing"), "");
        assert_eq!(order(Some(7), false, ""), "Beta alpha gamma beta");
    }

    #[test]
    fn the_selection_stays_on_its_row() {
        let mut cursor = Cursor::default();
        cursor.follow(&table(&[(1, "a"), (1, "b"), (1, "c")]).rows);
        cursor.follow(&table(&[(1, "new"), (1, "a")]).rows);
        assert_eq!(cursor.index, 0, "nobody has moved it yet");
        cursor.step(&table(&[(1, "new"), (1, "a"), (1, "b")]).rows, 2);
        cursor.follow(&table(&[(1, "b"), (1, "new"), (1, "a")]).rows);
        assert_eq!(cursor.index, 0);
        cursor.follow(&table(&[(1, "x"), (1, "y"), (1, "b")]).rows);
        assert_eq!(cursor.index, 2);
        cursor.follow(&table(&[(1, "x")]).rows);
        assert_eq!(cursor.index, 0, "the row is gone, and so is its place");
        cursor.follow(&[]);
        cursor.step(&[], 5);
        assert_eq!(cursor.index, 0);
    }

    #[test]
    fn the_screen_follows_the_selection() {
        let rows = table(&[(1, "a"), (1, "b"), (1, "c"), (1, "d"), (1, "e")]).rows;
        let mut cursor = Cursor::default();
        cursor.step(&rows, 4);
        cursor.scroll(2);
        assert_eq!(cursor.top, 3);
        cursor.step(&rows, -1);
        cursor.scroll(2);
        assert_eq!(cursor.top, 3);
        cursor.step(&rows, -3);
        cursor.scroll(2);
        assert_eq!(cursor.top, 0);
    }
}
