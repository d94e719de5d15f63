//! What each key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::detail::Detail;
use super::panels::Panel;
use super::state::{Effect, Mode, State};
use super::table::{Column, Target};

/// Keys and what they do, for the help.
pub const HELP: &[(&str, &str)] = &[
    ("1 to 7, Tab, Left, Right", "choose a panel"),
    ("Up, Down, PgUp, PgDn, Home, End", "select a row"),
    ("Enter", "explain the selected row, or ask again"),
    ("Esc", "close the details, or drop the filter"),
    ("/", "show only rows with the words you type"),
    ("s, S", "sort by the next or the previous column"),
    ("r", "reverse the order"),
    ("Space", "pause, and go on"),
    ("Ctrl-L", "draw the screen anew"),
    ("?", "this help"),
    ("q, Ctrl-C", "quit"),
];

/// The longest filter.
const FILTER: usize = 100;

pub fn press(state: &mut State, key: KeyEvent) -> Option<Effect> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        match key.code {
            KeyCode::Char('c' | 'd') => return Some(Effect::Quit),
            KeyCode::Char('l') => return Some(Effect::Redraw),
            KeyCode::Char('u') if state.mode == Mode::Filter => state.order_mut().filter.clear(),
            _ => {}
        }
        return None;
    }
    match state.mode {
        Mode::Filter => in_filter(state, key.code),
        Mode::Help => state.mode = if state.detail.is_some() { Mode::Detail } else { Mode::Table },
        Mode::Detail => return in_detail(state, key.code),
        Mode::Table => return in_table(state, key.code),
    }
    None
}

fn in_filter(state: &mut State, code: KeyCode) {
    match code {
        KeyCode::Enter => state.mode = Mode::Table,
        KeyCode::Esc => {
            state.order_mut().filter.clear();
            state.mode = Mode::Table;
        }
        KeyCode::Backspace => _ = state.order_mut().filter.pop(),
        KeyCode::Up => state.step(-1),
        KeyCode::Down => state.step(1),
        KeyCode::Char(char) if !char.is_control() && state.order().filter.len() < FILTER => {
            state.order_mut().filter.push(char);
            state.select_first();
        }
        _ => {}
    }
}

fn in_table(state: &mut State, code: KeyCode) -> Option<Effect> {
    let page = state.layout().map_or(1, |layout| layout.rows()).max(2) - 1;
    let page = isize::try_from(page).unwrap_or(1);
    match code {
        KeyCode::Char('q') | KeyCode::F(10) => return Some(Effect::Quit),
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => state.mode = Mode::Help,
        KeyCode::Char('/') => state.mode = Mode::Filter,
        KeyCode::Char(' ') => state.pause_or_go_on(),
        KeyCode::Char('s' | '>') => sort(state, true),
        KeyCode::Char('S' | '<') => sort(state, false),
        KeyCode::Char('r') => {
            let order = state.order_mut();
            order.reversed = !order.reversed;
            state.select_first();
        }
        KeyCode::Char(digit @ '1'..='7') => {
            state.show(Panel::ALL[usize::from(digit as u8 - b'1')]);
        }
        KeyCode::Tab | KeyCode::Right => turn(state, 1),
        KeyCode::BackTab | KeyCode::Left => turn(state, Panel::ALL.len() - 1),
        KeyCode::Up | KeyCode::Char('k') => state.step(-1),
        KeyCode::Down | KeyCode::Char('j') => state.step(1),
        KeyCode::PageUp => state.step(-page),
        KeyCode::PageDown => state.step(page),
        KeyCode::Home | KeyCode::Char('g') => state.select_first(),
        KeyCode::End | KeyCode::Char('G') => state.step(isize::MAX),
        KeyCode::Enter => return open(state),
        KeyCode::Esc => state.order_mut().filter.clear(),
        _ => {}
    }
    None
}

/// Shows the panel that is this many places after the current one.
fn turn(state: &mut State, by: usize) {
    let next = (state.panel as usize + by) % Panel::ALL.len();
    state.show(Panel::ALL[next]);
}

/// Sorts by the next or previous one of the columns that are on the screen. Before the first and
/// after the last one, rows are in the order that they come in.
fn sort(state: &mut State, forward: bool) {
    let width = state.layout().map_or(0, |layout| layout.main.width);
    let columns = state.panel.columns();
    let is_shown = |column: &Column| column.is_shown(usize::from(width));
    let mut choices = vec![None];
    choices.extend((0..columns.len()).filter(|index| is_shown(&columns[*index])).map(Some));
    let order = state.order_mut();
    let by = if forward { 1 } else { choices.len() - 1 };
    let at = choices.iter().position(|choice| *choice == order.column).unwrap_or(0);
    order.column = choices[(at + by) % choices.len()];
    order.reversed = false;
    state.select_first();
}

fn open(state: &mut State) -> Option<Effect> {
    let target = state.table.rows.get(state.cursor().index)?.target.clone();
    state.mode = Mode::Detail;
    let detail = Detail::of(target.clone());
    let is_known = detail.lines.is_some();
    state.detail = Some(detail);
    (!is_known).then_some(Effect::Ask(target))
}

fn in_detail(state: &mut State, code: KeyCode) -> Option<Effect> {
    let rows = state.layout().map_or(1, |layout| layout.page_rows());
    let Some(detail) = &mut state.detail else {
        state.mode = Mode::Table;
        return None;
    };
    let page = rows.saturating_sub(1).max(1);
    match code {
        KeyCode::Esc | KeyCode::Char('q') | KeyCode::Left | KeyCode::Backspace => {
            state.detail = None;
            state.mode = Mode::Table;
        }
        KeyCode::Up | KeyCode::Char('k') => detail.scroll_to(detail.top.saturating_sub(1), rows),
        KeyCode::Down | KeyCode::Char('j') => detail.scroll_to(detail.top + 1, rows),
        KeyCode::PageUp => detail.scroll_to(detail.top.saturating_sub(page), rows),
        KeyCode::PageDown => detail.scroll_to(detail.top + page, rows),
        KeyCode::Home | KeyCode::Char('g') => detail.scroll_to(0, rows),
        KeyCode::End | KeyCode::Char('G') => detail.scroll_to(usize::MAX, rows),
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => state.mode = Mode::Help,
        KeyCode::Char(' ') => state.pause_or_go_on(),
        KeyCode::Enter if !matches!(detail.target, Target::Text { .. }) => {
            return Some(Effect::Ask(detail.target.clone()));
        }
        _ => {}
    }
    None
}
