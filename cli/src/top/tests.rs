//! The screen, as a terminal of some sizes shows it after some events.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

use super::draw::draw;
use super::events::Event;
use super::sketch::{START_MS, Sketch, after};
use super::snapshot::Snapshot;
use super::state::{Effect, State};
use super::table::{Target, Tone};
use super::theme::Theme;
use crate::connect::fleet::Kind;

struct Screen {
    state: State,
    terminal: Terminal<TestBackend>,
    seconds: u64,
}

impl Screen {
    fn new(width: u16, height: u16) -> Self {
        let state = State::new(Theme::new(true), Duration::from_secs(1), (width, height), after(0));
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        Self { state, terminal, seconds: 0 }
    }

    fn at(&mut self, seconds: u64, sketch: Sketch) -> &mut Self {
        self.seconds = seconds;
        self.send(Event::Snapshot(Box::new(sketch.taken_after(seconds))));
        self
    }

    fn send(&mut self, event: Event) -> Option<Effect> {
        self.state.update(event, after(self.seconds))
    }

    fn code(&mut self, code: KeyCode) -> Option<Effect> {
        self.send(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            self.code(if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) });
        }
        self
    }

    /// The lines of the screen.
    fn lines(&mut self) -> Vec<String> {
        let state = &self.state;
        self.terminal.draw(|frame| draw(state, frame)).unwrap();
        let buffer = self.terminal.backend().buffer();
        let line = |y: u16| {
            let mut text = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                text += symbol;
                x += u16::try_from(super::cell::width(symbol)).unwrap().max(1);
            }
            text.trim_end().to_owned()
        };
        (0..buffer.area.height).map(line).collect()
    }

    fn text(&mut self) -> String {
        self.lines().join("\n") + "\n"
    }

    #[track_caller]
    fn shows(&mut self, text: &str) -> &mut Self {
        let screen = self.text();
        assert!(screen.contains(text), "{text:?} is not on the screen:\n{screen}");
        self
    }

    #[track_caller]
    fn hides(&mut self, text: &str) -> &mut Self {
        let screen = self.text();
        assert!(!screen.contains(text), "{text:?} is on the screen:\n{screen}");
        self
    }

    /// Compares the screen with a file. `UPDATE_SCREENS=1` writes the file.
    #[track_caller]
    fn is(&mut self, name: &str) -> &mut Self {
        let path = format!("{}/src/top/screens/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let screen = self.text();
        if std::env::var_os("UPDATE_SCREENS").is_some() {
            std::fs::write(&path, &screen).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert!(screen == expected, "{name} differs from:\n{expected}\nIt is:\n{screen}");
        self
    }
}

/// The counters of a busy node at a second.
fn busy(second: i64) -> String {
    let counters = [
        ("lockwatch_ratelimit_calls_total", 1234),
        ("lockwatch_ratelimit_denied_total", 312),
        ("lockwatch_guard_attempts_total", 85),
        ("lockwatch_guard_attempts_admitted_total", 41),
        ("lockwatch_guard_attempts_challenged_total", 20),
        ("lockwatch_guard_attempts_denied_total", 24),
        ("lockwatch_guard_outcomes_total", 41),
        ("lockwatch_guard_successes_total", 3),
        ("lockwatch_burst_calls_total", 3),
        ("lockwatch_lease_acquired_total", 17),
        ("lockwatch_lease_denied_total", 3),
        ("lockwatch_token_issued_total", 2),
        ("lockwatch_token_verified_total", 340),
        ("lockwatch_audit_appended_total", 90),
        ("lockwatch_audit_shipped_total", 88),
        ("total_commands_processed", 2100),
    ];
    let mut text = String::new();
    for (name, rate) in counters {
        text += &format!("{name}:{}\r\n", rate * second);
    }
    text + &format!(
        "lockwatch_policy_search:calls={},denied={},shadow_denied=0\r\n\
         lockwatch_policy_login:calls={},denied=0,shadow_denied={}\r\n\
         lockwatch_guard_login/stuffing:fired={second},challenged=0,denied={},observed=0\r\n\
         lockwatch_top_denials:2000\r\nlockwatch_token_sessions:1204\r\nlockwatch_alert_queued:2\r\n\
         lockwatch_alert_max_events:10000\r\nlockwatch_alert_oldest_ms:800\r\nlockwatch_alert_endpoints:1\r\n\
         lockwatch_alert_endpoint_0:url=https://hooks.example,source=webhook-urls:1,state=ok,pending=2,\
         delivered=9,failed=0,last_status=200,last_error_ms=0,last_error=\r\n\
         lockwatch_audit_state:connected\r\nlockwatch_audit_postgres:db.example:5432\r\n\
         lockwatch_audit_pending:34\r\nlockwatch_audit_lag_ms:250\r\nlockwatch_audit_max_events:1000000\r\n\
         uptime_in_seconds:90061\r\nserver_time_usec:{}000\r\n",
        900 * second,
        300 * second,
        100 * second,
        4 * second,
        24 * second,
        START_MS + second * 1000,
    )
}

/// A cluster with an attack going on and a node away.
fn attack(second: i64) -> Sketch {
    let mut sketch = Sketch::new()
        .kind(Kind::Cluster)
        .node("10.0.0.1:6379", &busy(second))
        .node("10.0.0.2:6379", "")
        .away("10.0.0.3:6379", "Connection refused (os error 111)")
        .replica("10.0.0.4:6379", "master_link_status:up");
    sketch = sketch
        .key(b"search:mallory", 1100, "search")
        .key(b"search:eve", 400, "search")
        .key(b"api:acme\x1b[31m\x00", 90, "")
        .key("漢字:キー".as_bytes(), 40, "export")
        .key("مرحبا:\u{202e}".as_bytes(), 30, "")
        .key(&[b'x'; 256], 20, "login");
    for last in 1..=24 {
        sketch = sketch.ban(&format!("203.0.113.{last}"), "stuffing", 590 + last);
    }
    sketch.ban("198.51.100.0/24", "", 3600).ban("user 0123456789abcdef at 203.0.113.77", "guess", 800)
}

fn attacked(width: u16, height: u16) -> Screen {
    let mut screen = Screen::new(width, height);
    for second in 0..=12 {
        screen.at(u64::try_from(second).unwrap(), attack(second));
    }
    screen
}

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
    screen.keys("2").shows("The search for guards goes on").shows("0…").hides("Nobody is banned.");
}

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
fn hostile_keys_leave_every_row_aligned() {
    let mut screen = attacked(80, 24);
    let text = screen.text();
    assert!(!text.contains(['\x1b', '\0', '\u{202e}', 'م']), "{text}");
    screen.shows("api:acme\\x1b[31m\\x00").shows("漢字:キー").shows("\\u{645}");
    screen.state.update(Event::Resize(200, 60), after(12));
    let mut wide = attacked(200, 60);
    // What stands beside the table begins in the same column in each row.
    let buffer_width: Vec<usize> = wide.lines().iter().map(|line| super::cell::width(line)).collect();
    assert!(buffer_width.iter().all(|width| *width <= 200), "{buffer_width:?}");
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
