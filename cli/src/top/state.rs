//! The state of the view. It reads no clock and calls nobody.

use std::time::{Duration, Instant};

use super::detail::Detail;
use super::history::History;
use super::layout::Layout;
use super::panels::{Panel, Seen};
use super::problems::{self, Away, Problem};
use super::snapshot::{Bans, Snapshot};
use super::table::{Cursor, Order, Table, Target};
use super::theme::Theme;

/// What an event asks the program to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    Ask(Target),
    /// The terminal shows garbage: all of it has to be drawn anew.
    Redraw,
}

/// What the keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Table,
    /// The filter is being typed.
    Filter,
    Detail,
    Help,
}

/// What was seen so far.
#[derive(Clone)]
pub struct View {
    pub snapshot: Snapshot,
    pub history: History,
    pub away: Away,
    pub problems: Vec<Problem>,
}

pub struct State {
    pub theme: Theme,
    pub interval: Duration,
    pub size: (u16, u16),
    pub mode: Mode,
    pub panel: Panel,
    pub detail: Option<Detail>,
    /// The selected panel's table, sorted and filtered.
    pub table: Table,
    live: Option<View>,
    /// What was seen when it was paused, and when.
    frozen: Option<(Option<View>, Instant)>,
    now: Instant,
    panels: [(Order, Cursor); Panel::ALL.len()],
}

impl State {
    pub fn new(theme: Theme, interval: Duration, size: (u16, u16), now: Instant) -> Self {
        let mut state = Self {
            theme,
            interval,
            size,
            mode: Mode::Table,
            panel: Panel::Keys,
            detail: None,
            table: Table { columns: Panel::Keys.columns(), rows: Vec::new(), empty: "" },
            live: None,
            frozen: None,
            now,
            panels: Default::default(),
        };
        state.arrange();
        state
    }

    /// Takes in a snapshot, also while paused.
    pub(super) fn see(&mut self, snapshot: Snapshot) {
        let (mut history, mut away) = match self.live.take() {
            Some(view) => (view.history, view.away),
            None => (History::default(), Away::default()),
        };
        history.add(&snapshot);
        away.add(&snapshot);
        self.live = Some(View { snapshot, history, away, problems: Vec::new() });
    }

    /// Takes in the bans, which came after the last snapshot.
    pub(super) fn see_bans(&mut self, bans: Bans) {
        if let Some(view) = &mut self.live {
            view.snapshot.bans = bans;
        }
    }

    /// Moves the clock to `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = now;
    }

    /// Makes the table of the selected panel anew.
    pub(super) fn arrange(&mut self) {
        let now = self.now;
        if let Some(view) = &mut self.live {
            view.problems = problems::find(&view.snapshot, &view.away, now);
        }
        let mut table = match self.seen() {
            Some(seen) => self.panel.table(&seen),
            None => {
                Table { columns: self.panel.columns(), rows: Vec::new(), empty: "Asking the servers …" }
            }
        };
        table.arrange(self.order());
        let rows = self.layout().map_or(1, |layout| layout.rows());
        let cursor = &mut self.panels[self.panel as usize].1;
        cursor.follow(&table.rows);
        cursor.scroll(rows);
        self.table = table;
        let rows = self.layout().map_or(1, |layout| layout.page_rows());
        if let Some(detail) = &mut self.detail {
            detail.scroll_to(detail.top, rows);
        }
    }

    /// What is shown: the last snapshot, or the one at which it was paused.
    pub fn view(&self) -> Option<&View> {
        match &self.frozen {
            Some((view, _)) => view.as_ref(),
            None => self.live.as_ref(),
        }
    }

    pub fn seen(&self) -> Option<Seen<'_>> {
        let view = self.view()?;
        Some(Seen {
            snapshot: &view.snapshot,
            history: &view.history,
            away: &view.away,
            problems: &view.problems,
            now: self.shown_at(),
        })
    }

    /// The time that the screen shows: now, or when it was paused.
    pub fn shown_at(&self) -> Instant {
        self.frozen.as_ref().map_or(self.now, |(_, at)| *at)
    }

    /// How long it has been paused.
    pub fn paused_for(&self) -> Option<Duration> {
        let (_, at) = self.frozen.as_ref()?;
        Some(self.now.saturating_duration_since(*at))
    }

    pub fn pause_or_go_on(&mut self) {
        self.frozen = match self.frozen.take() {
            Some(_) => None,
            None => Some((self.live.clone(), self.now)),
        };
    }

    pub fn layout(&self) -> Option<Layout> {
        let problems = self.view().map_or(0, |view| view.problems.len());
        Layout::of(self.size.0, self.size.1, problems)
    }

    pub fn order(&self) -> &Order {
        &self.panels[self.panel as usize].0
    }

    pub fn order_mut(&mut self) -> &mut Order {
        &mut self.panels[self.panel as usize].0
    }

    pub fn cursor(&self) -> &Cursor {
        &self.panels[self.panel as usize].1
    }

    pub fn step(&mut self, by: isize) {
        self.panels[self.panel as usize].1.step(&self.table.rows, by);
    }

    /// Back to the first row, whichever it is.
    pub fn select_first(&mut self) {
        self.panels[self.panel as usize].1.reset();
    }

    pub fn show(&mut self, panel: Panel) {
        self.panel = panel;
        self.mode = Mode::Table;
    }
}
