//! The program in a terminal of its own: keys go in, and what the screen shows comes out.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lockwatch_test_support::{SOON, Server, wait_until};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// What the program has written, and the screen that this made.
struct Shown {
    raw: Vec<u8>,
    parser: vt100::Parser,
}

pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    /// `None` after [`Terminal::hang_up`].
    ends: Option<(Box<dyn MasterPty + Send>, Box<dyn Write + Send>)>,
    /// Keeps the terminal's settings after the program has ended.
    _slave: Option<Box<dyn SlavePty + Send>>,
    shown: Arc<Mutex<Shown>>,
    reader: Option<JoinHandle<()>>,
    /// The terminal's settings before the program started.
    settings: String,
}

impl Terminal {
    /// Runs `lockwatch top` against `server`.
    pub fn top(server: &Server, columns: u16, rows: u16) -> Self {
        Self::start(&["--redis", &server.url(), "--guard", "login", "--timeout", "1s"], &[], columns, rows)
    }

    /// Runs `lockwatch top` with these arguments and variables.
    pub fn start(args: &[&str], variables: &[(&str, &str)], columns: u16, rows: u16) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_lockwatch"));
        command.arg("top");
        command.args(args);
        command.env_remove("NO_COLOR");
        command.env_remove("LOCKWATCH_REDIS_URL");
        command.env("TERM", "xterm-256color");
        variables.iter().for_each(|(name, value)| command.env(name, value));
        let settings = settings(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("the program can be run");
        let shown = Shown { raw: Vec::new(), parser: vt100::Parser::new(rows, columns, 0) };
        let shown = Arc::new(Mutex::new(shown));
        let mut output = pair.master.try_clone_reader().expect("the terminal's output");
        let writer = pair.master.take_writer().expect("the terminal's input");
        let to = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let mut shown = to.lock().expect("nobody panics here");
                shown.raw.extend_from_slice(&buffer[..count]);
                shown.parser.process(&buffer[..count]);
            }
        });
        let ends = Some((pair.master, writer));
        Self { child, ends, _slave: Some(pair.slave), shown, reader: Some(reader), settings }
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        self.shown.lock().expect("nobody panics here").parser.screen().contents()
    }

    /// The lines of the screen, each as wide as it.
    pub fn lines(&self) -> Vec<String> {
        let shown = self.shown.lock().expect("nobody panics here");
        let screen = shown.parser.screen();
        screen.rows(0, screen.size().1).collect()
    }

    /// Every byte that the program has written.
    pub fn raw(&self) -> Vec<u8> {
        self.shown.lock().expect("nobody panics here").raw.clone()
    }

    #[track_caller]
    pub fn waits_for(&self, what: &str, mut holds: impl FnMut(&str) -> bool) {
        let deadline = Instant::now() + SOON;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return;
            }
            assert!(Instant::now() < deadline, "not on the screen: {what}\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub fn shows(&self, text: &str) {
        self.waits_for(text, |screen| screen.contains(text));
    }

    #[track_caller]
    pub fn hides(&self, text: &str) {
        self.waits_for(&format!("no {text}"), |screen| !screen.contains(text));
    }

    /// Presses keys. `\x1b` alone is Esc.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        let (_, writer) = self.ends.as_mut().expect("the terminal is there");
        writer.write_all(keys.as_bytes()).expect("the terminal takes input");
        writer.flush().expect("the terminal takes input");
    }

    #[track_caller]
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.shown.lock().expect("nobody panics here").parser.set_size(rows, columns);
        let (master, _) = self.ends.as_ref().expect("the terminal is there");
        master.resize(size(columns, rows)).expect("the terminal can be resized");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.process_id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill can be run").success());
    }

    /// Takes the terminal away, as a connection that breaks does.
    pub fn hang_up(&mut self) {
        self.ends = None;
        self._slave = None;
    }

    /// Waits until the program has ended, and returns its exit code.
    #[track_caller]
    pub fn code(&mut self) -> u32 {
        let mut code = None;
        wait_until("the program ends", || {
            code = self.child.try_wait().expect("it can be waited for").map(|status| status.exit_code());
            code.is_some()
        });
        code.expect("it has ended")
    }

    /// Asserts that the terminal is as it was before the program.
    #[track_caller]
    pub fn is_restored(&self) {
        self.waits_for("the shell's screen", |_| {
            let shown = self.shown.lock().expect("nobody panics here");
            let screen = shown.parser.screen();
            !screen.alternate_screen() && !screen.hide_cursor()
        });
        let (master, _) = self.ends.as_ref().expect("the terminal is there");
        assert_eq!(settings(&**master), self.settings);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.hang_up();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// Echo, line mode and the like.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("a terminal has settings"))
}
