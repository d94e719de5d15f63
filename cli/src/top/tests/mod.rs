//! The screen, as a terminal of some sizes shows it after some events.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::draw::draw;
use super::events::Event;
use super::sketch::{START_MS, Sketch, after};
use super::state::{Effect, State};
use super::theme::Theme;
use crate::connect::fleet::Kind;

mod by_keys;
mod screens;

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
