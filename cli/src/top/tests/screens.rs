//! What the screen shows.

use ratatui::style::{Color, Modifier};

use super::{Screen, attack, attacked};
use crate::top::cell::width;
use crate::top::events::Event;
use crate::top::sketch::Sketch;
use crate::top::snapshot::Snapshot;
use crate::top::theme::Theme;

#[test]
fn an_attack_at_80x24() {
    attacked(80, 24).is("80x24");
}

#[test]
fn an_attack_at_120x40() {
    attacked(120, 40).is("120x40");
}

#[test]
fn an_attack_at_200x60() {
    attacked(200, 60).is("200x60");
}

#[test]
fn a_small_screen_says_what_is_needed() {
    attacked(40, 10).is("40x10");
    for (width, height) in [(1, 1), (3, 2), (59, 40), (200, 15)] {
        attacked(width, height).lines();
    }
}

#[test]
fn every_panel_at_80x24() {
    for (key, name) in
        [('2', "bans"), ('3', "policies"), ('4', "rules"), ('5', "nodes"), ('6', "queues"), ('7', "problems")]
    {
        attacked(80, 24).keys(&key.to_string()).is(&format!("80x24-{name}"));
    }
    attacked(80, 24).keys("?").is("80x24-help");
}

#[test]
fn a_quiet_server_says_that_nothing_is_wrong() {
    let mut screen = Screen::new(80, 24);
    screen.shows("Asking the servers");
    screen.at(0, Sketch::new().node("127.0.0.1:6379", "")).shows("…");
    screen.at(1, Sketch::new().node("127.0.0.1:6379", "")).is("80x24-quiet");
}

#[test]
fn nobody_is_said_to_be_free_of_bans_before_all_guards_are_known() {
    let mut screen = Screen::new(80, 24);
    screen.at(0, Sketch::new().node("127.0.0.1:6379", "lockwatch_guards:1"));
    screen.keys("2").shows("The search for guards goes on").shows(" ?").hides("Nobody is banned.");
}

#[test]
fn hostile_keys_leave_every_row_aligned() {
    let mut screen = attacked(80, 24);
    let text = screen.text();
    assert!(!text.contains(['\x1b', '\0', '\u{202e}', 'م']), "{text}");
    screen.shows("api:acme\\x1b[31m\\x00").shows("漢字:キー").shows("\\u{645}");
    // What is beside the table begins in the same column in every row.
    let rows = attacked(200, 60).lines();
    let beside: Vec<usize> = rows.iter().filter_map(|line| Some(width(&line[..line.find('│')?]))).collect();
    assert!(beside.len() > 40 && beside.iter().all(|column| *column == 120), "{beside:?}");
}

#[test]
fn colours_only_repeat_what_words_say() {
    let colours = |theme: Theme| {
        let mut screen = attacked(80, 24);
        screen.state.theme = theme;
        let text = screen.text();
        let cells = screen.terminal.backend().buffer().content();
        let coloured = cells.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count();
        let marked = cells.iter().filter(|cell| cell.modifier != Modifier::empty()).count();
        (text, coloured, marked)
    };
    let (with, coloured, _) = colours(Theme::new(true));
    let (without, none, marked) = colours(Theme::new(false));
    assert_eq!(with, without);
    assert!(coloured > 50 && none == 0 && marked > 50);
}

#[test]
fn a_snapshot_that_is_old_says_so() {
    let mut screen = attacked(80, 24);
    screen.seconds = 20;
    screen.send(Event::Tick);
    screen.shows("8s old").shows("away since 20s: connection refused");
    let snapshot: Snapshot = attack(21).taken_after(21);
    screen.seconds = 21;
    screen.send(Event::Snapshot(Box::new(snapshot)));
    screen.hides(" old");
}

#[test]
fn what_is_not_known_does_not_look_like_zero() {
    let guards = "lockwatch_guards:1";
    let mut screen = Screen::new(200, 60);
    for second in 0..3 {
        screen.at(second, Sketch::new().node("a:1", guards).forbidden());
    }
    screen.shows("Not known: LW.TOP has failed.").shows("Not known: LW.BANS has failed.");
    screen.hides("No call was denied").hides("Nobody is banned").shows("Bans ?");
    screen.at(3, Sketch::new().away("a:1", "Connection refused (os error 111)").forbidden());
    for panel in ["1", "2", "3", "4"] {
        screen.keys(panel).shows("Not known: not all primaries answer.");
        screen.hides("No call was denied").hides("Nobody is banned").hides("sessions             0");
    }
    screen.at(4, Sketch::new().node("a:1", "")).keys("2").shows("Nobody is banned.");
}
