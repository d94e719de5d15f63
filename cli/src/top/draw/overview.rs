//! The upper part of the screen: what is wrong, and how much is called and denied.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ratatui::text::{Line, Span};

use crate::connect::fleet::Kind;
use crate::sum::sum;
use crate::top::activity::Activity;
use crate::top::cell::{bytes, fit, harmless, millis, number, share, time, width};
use crate::top::panels::{Panel, Seen};
use crate::top::problems::{Level, Problem};
use crate::top::snapshot::Snapshot;
use crate::top::state::{State, View};
use crate::top::table::Tone;
use crate::top::theme::Theme;

/// A bar with what is looked at, and when.
pub fn title(state: &State, columns: u16) -> Line<'static> {
    let fleet = state.view().map_or(String::new(), |view| fleet(&view.snapshot));
    let left = format!(" lockwatch top  {fleet}");
    let mut right = Vec::new();
    if let Some(since) = state.paused_for() {
        right.push(format!("PAUSED {}", time(since)));
    }
    if let Some(view) = state.view() {
        let age = state.shown_at().saturating_duration_since(view.snapshot.taken);
        if age > state.interval * 2 + Duration::from_secs(1) {
            right.push(format!("{} old", time(age)));
        }
        right.push(clock(view.snapshot.at + age));
    }
    right.push(format!("every {} ", humantime::format_duration(state.interval)));
    let right = right.join("  ");
    let room = usize::from(columns).saturating_sub(width(&right));
    Line::from(Span::styled(fit(&left, room, false) + &right, state.theme.reversed()))
}

/// The time of day, which needs no time zone.
pub fn clock(at: SystemTime) -> String {
    let s = at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()) % 86_400;
    format!("{:02}:{:02}:{:02} UTC", s / 3_600, s / 60 % 60, s % 60)
}

/// Which servers these are.
pub fn fleet(snapshot: &Snapshot) -> String {
    let primaries = snapshot.nodes.iter().filter(|node| node.primary).count();
    let replicas = snapshot.nodes.len() - primaries;
    let count =
        |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let primaries = count(primaries, "primary", "primaries");
    let replicas = count(replicas, "replica", "replicas");
    match (snapshot.kind, snapshot.nodes.as_slice()) {
        (Kind::Standalone, [node]) => harmless(node.name.as_bytes()),
        (Kind::Standalone, _) => format!("{primaries}, {replicas}"),
        (Kind::Sentinel, _) => format!("Sentinel: {primaries}, {replicas}"),
        (Kind::Cluster, _) => format!("cluster: {primaries}, {replicas}"),
    }
}

/// The worst problems in at most `rows` lines, or that there is none.
pub fn problems(state: &State, rows: usize, columns: u16) -> Vec<Line<'static>> {
    let Some(view) = state.view() else { return vec![Line::from(" …")] };
    problem_lines(state.theme, view, rows, columns)
}

pub fn problem_lines(theme: Theme, view: &View, rows: usize, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    if view.problems.is_empty() {
        let ok = Span::styled(" OK     ", theme.of(Tone::Good));
        return vec![Line::from(vec![ok, Span::raw("Nothing is wrong.")])];
    }
    let hidden = view.problems.len().saturating_sub(rows);
    let line = |(index, problem): (usize, &Problem)| {
        let more =
            if hidden > 0 && index + 1 == rows { format!(" (+{hidden}: press 7)") } else { String::new() };
        let word = Span::styled(format!(" {:<6} ", problem.level.word()), theme.of(tone(problem.level)));
        let room = columns.saturating_sub(8 + width(&more));
        Line::from(vec![word, Span::raw(fit(&problem.text, room, false)), Span::raw(more)])
    };
    view.problems.iter().take(rows).enumerate().map(line).collect()
}

fn tone(level: Level) -> Tone {
    match level {
        Level::Attack | Level::Error => Tone::Bad,
        Level::Warn => Tone::Warn,
    }
}

/// The names of the panels, each with its key.
pub fn tabs(state: &State) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (index, panel) in Panel::ALL.into_iter().enumerate() {
        let count = state.view().and_then(|view| count(panel, view));
        let count = count.map_or(String::new(), |count| format!(" {count}"));
        let name = format!("{} {}{count}", index + 1, panel.name());
        if panel == state.panel {
            spans.push(Span::styled(format!("[{name}]"), state.theme.reversed()));
        } else {
            spans.push(Span::raw(format!(" {name} ")));
        }
    }
    Line::from(spans)
}

/// How many there are, where that says something.
fn count(panel: Panel, view: &View) -> Option<usize> {
    let count = match panel {
        Panel::Bans => view.snapshot.bans.list.len(),
        Panel::Nodes => view.snapshot.nodes.len(),
        Panel::Problems => view.problems.len(),
        _ => 0,
    };
    (count > 0).then_some(count)
}

/// The heading of a panel that is not selected.
pub fn heading(theme: Theme, panel: Panel, seen: &Seen, count: usize) -> Line<'static> {
    let count = if count > 0 || panel.is_known(seen) { count.to_string() } else { "?".into() };
    let name = Span::styled(format!("{} {count}", panel.name()), theme.bold());
    Line::from(vec![name, Span::styled(format!("  {}", panel.about()), theme.of(Tone::Faint))])
}

/// The width of a label and a number at the right.
const STATE: usize = 20;
/// Name, calls, denials and share.
const NUMBERS: usize = 34;

/// A head and a line for each activity; at the right, gauges.
pub fn overview(theme: Theme, seen: Option<&Seen>, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let room = columns.saturating_sub(NUMBERS + STATE + 3);
    // A point is a sample; beside it there is room for words.
    let points = (room * 2 / 5).clamp(8, 60);
    let words = room.saturating_sub(points + 1);
    let gauges = seen.map(gauges).unwrap_or_default();
    let head = format!(
        " {:<8} {:>7} {:>8} {:>5}  {} {}",
        "",
        "calls/s",
        "denied/s",
        "share",
        fit(if points < 14 { "lately" } else { "denied, lately" }, points, true),
        fit(if words < 17 { "also/s" } else { "also, each second" }, words, false)
    );
    let mut lines = vec![vec![Span::styled(head, theme.heading())]];
    lines.extend(Activity::ALL.map(|activity| activity_line(theme, seen, activity, points, words)));
    for (index, line) in lines.iter_mut().enumerate() {
        line.push(Span::raw("  "));
        if let Some((label, value, tone)) = gauges.get(index) {
            line.push(Span::raw(format!("{label:<13}")));
            line.push(Span::styled(fit(value, STATE - 13, true), theme.of(*tone)));
        }
    }
    lines.into_iter().map(Line::from).collect()
}

fn activity_line(
    theme: Theme,
    seen: Option<&Seen>,
    activity: Activity,
    points: usize,
    words: usize,
) -> Vec<Span<'static>> {
    let rates = seen.and_then(|seen| seen.history.now.as_ref());
    let known = seen.is_some_and(|seen| seen.snapshot.answers().next().is_some());
    let Some(rates) = rates.filter(|_| known) else {
        let mark = if seen.is_some() && !known { "?" } else { "…" };
        let line = format!(" {:<8} {mark:>7} {mark:>8}", activity.name());
        return vec![Span::raw(fit(&line, NUMBERS + points + words + 1, false))];
    };
    let (calls, denied) = (activity.calls(rates), activity.denied(rates));
    let past: Vec<f64> = seen
        .map(|seen| seen.history.past(activity, points).map(|(_, denied)| denied).collect())
        .unwrap_or_default();
    let tone = |rate: f64, tone: Tone| theme.of(if rate > 0.0 { tone } else { Tone::Faint });
    vec![
        Span::styled(format!(" {:<8} ", activity.name()), tone(calls, Tone::Plain)),
        Span::styled(format!("{:>7} ", number(calls)), tone(calls, Tone::Plain)),
        Span::styled(format!("{:>8} ", number(denied)), tone(denied, Tone::Bad)),
        Span::styled(format!("{:>5}  ", share(denied, calls)), tone(denied, Tone::Bad)),
        Span::styled(fit(&bars(&past), points, true), tone(past.iter().sum(), Tone::Bad)),
        Span::raw(" "),
        Span::raw(fit(&as_many_as_fit(activity.others(rates), words), words, false)),
    ]
}

/// The first of `texts`, with commas, that fit into `columns`.
fn as_many_as_fit(texts: Vec<String>, columns: usize) -> String {
    let mut out = String::new();
    for text in texts {
        let comma = if out.is_empty() { "" } else { ", " };
        if width(&out) + width(comma) + width(&text) > columns {
            break;
        }
        out = out + comma + &text;
    }
    out
}

/// A bar for each number, the largest eight eighths high; `·` for zero.
fn bars(past: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = past.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| match value / most {
        _ if *value <= 0.0 => '·',
        part => BARS[((part * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    past.iter().map(bar).collect()
}

/// Label, value and tone of each gauge.
fn gauges(seen: &Seen) -> Vec<(&'static str, String, Tone)> {
    let snapshot = seen.snapshot;
    let primaries = || snapshot.answers().filter(|(node, _)| node.primary);
    let most = |name: &str| primaries().filter_map(|(_, info)| info.lockwatch(name)).max().unwrap_or(0);
    let memory = sum(primaries().filter_map(|(_, info)| info.number("used_memory")));
    let (up, all) = (snapshot.answers().count(), snapshot.nodes.len());
    let lag = most("audit_lag_ms");
    let dead = snapshot.sum("alert_dead").saturating_add(snapshot.sum("audit_dead"));
    let bad_if = |bad: bool, tone: Tone| if bad { tone } else { Tone::Plain };
    let bans = snapshot.bans.list.len();
    let bans_shown = match (bans, snapshot.has_all_bans()) {
        (_, true) => bans.to_string(),
        (0, false) => "?".into(),
        // The list is not complete.
        (_, false) => format!("{bans}…"),
    };
    // Where nobody answers, nothing is known, which is not 0.
    let if_known = |text: String| if primaries().next().is_some() { text } else { "?".into() };
    vec![
        ("nodes", format!("{up} of {all}"), bad_if(up < all, Tone::Bad)),
        ("memory", if_known(bytes(memory as f64)), Tone::Plain),
        ("bans", bans_shown, bad_if(bans > 0, Tone::Warn)),
        ("sessions", if_known(snapshot.sum("token_sessions").to_string()), Tone::Plain),
        ("alerts wait", if_known(snapshot.sum("alert_queued").to_string()), Tone::Plain),
        ("audit lag", if_known(millis(lag)), bad_if(lag > 60_000, Tone::Warn)),
        ("dead letters", if_known(dead.to_string()), bad_if(dead > 0, Tone::Bad)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_share_of_the_highest() {
        assert_eq!(bars(&[0.0, 0.01, 4.0, 8.0]), "·▁▄█");
        assert_eq!(bars(&[0.0, 0.0]), "··");
        assert_eq!(bars(&[]), "");
    }

    #[test]
    fn the_clock_shows_the_time_of_day() {
        assert_eq!(clock(UNIX_EPOCH + Duration::from_secs(86_400 + 3_661)), "01:01:01 UTC");
    }
}
