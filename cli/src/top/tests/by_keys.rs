//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Screen, attack, attacked};
use crate::top::events::Event;
use crate::top::sketch::Sketch;
use crate::top::state::Effect;
use crate::top::table::{Target, Tone};

/// Rows of the table, without its head.
fn rows(screen: &mut Screen) -> Vec<String> {
    let lines = screen.lines();
    let head = lines.iter().position(|line| line.contains("SHARE") && line.contains("KEY")).unwrap();
    lines[head + 1..lines.len() - 1]
        .iter()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn rows_are_filtered_sorted_and_selected_by_keys() {
    let mut screen = attacked(80, 24);
    screen.keys("/MALLORY").shows("Filter: MALLORY");
    assert_eq!(rows(&mut screen).len(), 1);
    screen.keys("\n").shows("(Esc drops it)");
    screen.code(KeyCode::Esc);
    assert_eq!(rows(&mut screen).len(), 6);
    screen.keys("/no such").shows("No row contains these words.");
    screen.code(KeyCode::Esc);
    screen.keys("r");
    assert!(rows(&mut screen)[0].starts_with(">     20"), "{:?}", rows(&mut screen));
    screen.keys("s").shows("DENIED▼");
    assert!(rows(&mut screen)[0].contains("mallory"));
    screen.keys("r").shows("DENIED▲");
    screen.keys("ssss").shows("KEY▼");
    assert!(rows(&mut screen)[1].contains("api:acme"));
    screen.keys("s").hides("▼");
    screen.keys("jj");
    assert!(rows(&mut screen)[2].starts_with('>'));
    screen.at(13, attack(13).key(b"newcomer", 5, ""));
    assert!(rows(&mut screen)[2].starts_with('>'));
    screen.code(KeyCode::End);
    assert!(rows(&mut screen)[6].starts_with('>'));
}

#[test]
fn a_long_list_scrolls() {
    let mut screen = attacked(80, 24);
    screen.keys("2").shows("203.0.113.1\n").hides("198.51.100.0/24");
    screen.code(KeyCode::End);
    screen.shows("198.51.100.0/24").shows("user 0123456789abcdef at 203.0.113.77");
    screen.code(KeyCode::Home);
    screen.code(KeyCode::PageDown);
    screen.code(KeyCode::PageDown);
    screen.hides("203.0.113.1\n");
}

#[test]
fn a_pause_holds_everything_but_the_clock_of_the_pause() {
    let mut screen = attacked(80, 24);
    screen.keys(" ").shows("PAUSED 0s").shows("1234");
    let before = screen.lines()[5..].to_vec();
    screen.at(20, Sketch::new().node("10.0.0.1:6379", "")).shows("PAUSED 8s");
    assert_eq!(screen.lines()[5..], before);
    screen.keys(" ").hides("PAUSED").hides("mallory");
}

#[test]
fn enter_asks_about_the_selected_row_and_shows_the_answer() {
    let mut screen = attacked(80, 24);
    let Some(Effect::Ask(target)) = screen.code(KeyCode::Enter) else { panic!("nothing is asked") };
    let Target::Key(key) = &target else { panic!("{target:?}") };
    assert_eq!(key.key, b"search:mallory");
    screen.shows("Key search:mallory").shows("Asking");
    let lines: Vec<_> = (0..50).map(|n| (Tone::Plain, format!("line {n}."))).collect();
    screen.send(Event::Answer(target.clone(), lines.clone()));
    screen.shows("line 0.").hides("line 20.");
    screen.code(KeyCode::End);
    screen.shows("line 49.").hides("line 0.");
    // The answer to a question that is not open any more is dropped.
    screen.code(KeyCode::Esc);
    screen.keys("2").send(Event::Answer(target, lines));
    screen.hides("line 0.");
    let asked = screen.code(KeyCode::Enter);
    assert!(matches!(asked, Some(Effect::Ask(Target::Ban(ban))) if ban.subject == "203.0.113.1"));
    screen.code(KeyCode::Esc);
    screen.keys("3");
    assert_eq!(screen.code(KeyCode::Enter), None);
    screen.shows("Policy search").shows("10800 calls since");
}

#[test]
fn the_selected_row_and_the_filter_survive_a_change_of_panel() {
    let mut screen = attacked(80, 24);
    screen.keys("j/e").code(KeyCode::Enter);
    screen.keys("2").code(KeyCode::Tab);
    screen.keys("1").shows("Filter: e");
    screen.code(KeyCode::BackTab);
    screen.shows("[7 Problems");
}

#[test]
fn q_and_ctrl_c_quit_and_other_keys_do_not() {
    let mut screen = attacked(80, 24);
    for code in [KeyCode::F(5), KeyCode::Char('x'), KeyCode::Insert, KeyCode::Esc, KeyCode::Null] {
        assert_eq!(screen.code(code), None);
    }
    assert_eq!(screen.code(KeyCode::Char('q')), Some(Effect::Quit));
    let control = |char| Event::Key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::CONTROL));
    assert_eq!(screen.send(control('l')), Some(Effect::Redraw));
    screen.keys("/q").shows("Filter: q");
    assert_eq!(screen.send(control('c')), Some(Effect::Quit));
}
