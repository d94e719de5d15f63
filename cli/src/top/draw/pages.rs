//! The details of a row, the help, and the line at the bottom.

use ratatui::text::{Line, Span};

use crate::top::cell::fit;
use crate::top::detail::Detail;
use crate::top::keys::HELP;
use crate::top::panels::Panel;
use crate::top::state::{Mode, State};
use crate::top::table::Tone;
use crate::top::theme::Theme;

/// The title and the lines from the first one on the screen.
pub fn detail(theme: Theme, detail: &Detail, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let mut lines =
        vec![Line::from(Span::styled(fit(&format!(" {}", detail.title()), columns, false), theme.heading()))];
    match &detail.lines {
        None => lines.push(Line::from(" Asking …")),
        Some(all) => lines.extend(all.iter().skip(detail.top).map(|(tone, text)| {
            Line::from(Span::styled(fit(&format!(" {text}"), columns, false), theme.of(*tone)))
        })),
    }
    lines
}

pub fn help(theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(Span::styled(" Keys", theme.heading()))];
    let entry = |name: &str, columns: usize, text: &str| {
        Line::from(vec![
            Span::styled(format!(" {name:<columns$}  "), theme.bold()),
            Span::raw(text.to_owned()),
        ])
    };
    lines.extend(HELP.iter().map(|(keys, text)| entry(keys, 31, text)));
    lines.push(Line::from(Span::styled(" Panels", theme.heading())));
    let panels = Panel::ALL.into_iter().enumerate();
    lines.extend(
        panels.map(|(index, panel)| entry(&format!("{} {}", index + 1, panel.name()), 10, panel.about())),
    );
    lines
}

pub fn footer(state: &State) -> Line<'static> {
    let theme = state.theme;
    let filter = &state.order().filter;
    let hints: &[(&str, &str)] = match state.mode {
        Mode::Filter => {
            let typed = Span::styled(format!(" Filter: {filter}"), theme.bold());
            let end = Span::styled(" ", theme.reversed());
            return Line::from(vec![typed, end, Span::raw("  Enter keeps it, Esc drops it")]);
        }
        Mode::Help => &[("any key", "back")],
        Mode::Detail => &[("Esc", "back"), ("Up/Down", "scroll"), ("Enter", "ask again"), ("?", "help")],
        Mode::Table => &[
            ("q", "quit"),
            ("?", "help"),
            ("Up/Down", "select"),
            ("Enter", "explain"),
            ("/", "filter"),
            ("s", "sort"),
            ("Space", if state.paused_for().is_some() { "go on" } else { "pause" }),
        ],
    };
    let mut spans = vec![Span::raw(" ")];
    if state.mode == Mode::Table && !filter.is_empty() {
        spans.push(Span::styled(format!("Filter: {filter}"), theme.of(Tone::Warn)));
        spans.push(Span::raw(" (Esc drops it)  "));
    }
    for (key, text) in hints {
        spans.push(Span::styled((*key).to_owned(), theme.bold()));
        spans.push(Span::raw(format!(" {text}  ")));
    }
    Line::from(spans)
}
