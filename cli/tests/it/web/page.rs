//! The program under test, and a visitor's browser.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use lockwatch_test_support::{SOON, Server, wait_until};

use super::exchange::{Answer, Request, connect};
use crate::program::lockwatch;

/// A running `lockwatch web`. It is killed on drop.
pub struct Page {
    child: Child,
    out: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
    /// Where it listens: host and port.
    pub address: String,
}

impl Page {
    /// The page of a server, with the one-time link.
    #[track_caller]
    pub fn of(server: &Server) -> Self {
        Self::with(server, &[])
    }

    #[track_caller]
    pub fn with(server: &Server, args: &[&str]) -> Self {
        Self::start(&server.url(), args, &[])
    }

    /// Starts the program and waits until it serves.
    #[track_caller]
    pub fn start(redis: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = command(redis, args);
        command.envs(environment.iter().copied());
        let mut child = command.spawn().expect("the program can be run");
        let (out, log) = (keep(child.stdout.take().unwrap()), keep(child.stderr.take().unwrap()));
        let mut page = Self { child, out, log, address: String::new() };
        wait_until("the program serves", || {
            assert!(page.child.try_wait().unwrap().is_none(), "it has ended: {}", page.log());
            page.out().contains("The page is at ") && page.out().ends_with('\n')
        });
        page.address = page.listens_at();
        page
    }

    /// The address that it listens at, by its socket: the one that it prints may be a proxy's.
    fn listens_at(&self) -> String {
        let port = listening_port(self.child.id()).expect("it listens");
        format!("127.0.0.1:{port}")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log contains `text`. Returns the log.
    #[track_caller]
    pub fn logged(&self, text: &str) -> String {
        wait_until(text, || self.log().contains(text));
        self.log()
    }

    /// The path of the link that was printed last.
    #[track_caller]
    pub fn link(&self) -> String {
        let out = self.out();
        let line = out.lines().rfind(|line| line.contains("/login?token=")).expect("a link is printed");
        line[line.find("/login").unwrap()..].to_owned()
    }

    /// Makes it print another link.
    #[track_caller]
    pub fn new_link(&self) -> String {
        let before = self.link();
        self.signal("USR1");
        wait_until("another link is printed", || self.link() != before && self.out().ends_with('\n'));
        self.link()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end. Returns the exit code.
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    /// Sends a request of somebody without a session.
    #[track_caller]
    pub fn send(&self, request: Request) -> Answer {
        Answer::to(&self.addressed(request), self.connect())
    }

    /// The request with a Host and, if it posts, an Origin, unless it has them.
    pub fn addressed(&self, mut request: Request) -> Request {
        if !request.has("host") {
            request = request.with("host", self.address.clone());
        }
        if request.is_post() && !request.has("origin") {
            request = request.with("origin", format!("http://{}", self.address));
        }
        request
    }

    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    /// Comes in by a link.
    #[track_caller]
    pub fn enter(&self) -> Visitor<'_> {
        let answer = self.send(Request::get(self.new_link()));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        Visitor { page: self, cookie: answer.cookie() }
    }

    /// Signs in by name and password.
    #[track_caller]
    pub fn sign_in(&self, name: &str, password: &str) -> Visitor<'_> {
        let answer = self.send(Request::post("/login", &[("name", name), ("password", password)]));
        assert_eq!(answer.status, 303, "{answer:?}");
        Visitor { page: self, cookie: answer.cookie() }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the program's log:\n{}", self.log());
        }
    }
}

/// Somebody with a session.
pub struct Visitor<'a> {
    pub page: &'a Page,
    pub cookie: String,
}

impl Visitor<'_> {
    #[track_caller]
    pub fn send(&self, request: Request) -> Answer {
        self.page.send(request.with("cookie", self.cookie.clone()))
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Answer {
        self.send(Request::get(target))
    }

    pub fn is_signed_in(&self) -> bool {
        self.get("/").status == 200
    }

    /// The token that forms of this session carry.
    #[track_caller]
    pub fn csrf(&self) -> String {
        self.get("/").field("csrf")
    }

    /// Posts a form of this session.
    #[track_caller]
    pub fn post(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        self.send(Request::post(target, &[fields, &[("csrf", &csrf)]].concat()))
    }
}

/// The program with a free port, unless `args` name one.
pub fn command(redis: &str, args: &[&str]) -> Command {
    let mut command = lockwatch(["web", "--redis", redis]);
    if !args.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Collects what a program prints.
fn keep(from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let copy = Arc::clone(&kept);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            copy.lock().unwrap().push_str(&(line + "\n"));
        }
    });
    kept
}

/// The port of the only listening socket of a process.
fn listening_port(pid: u32) -> Option<u16> {
    let links =
        std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.filter_map(|fd| fd.ok()?.path().read_link().ok());
    let sockets: Vec<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|line| {
        const LISTENING: &str = "0A";
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let own = columns[3] == LISTENING && sockets.iter().any(|inode| inode == columns[9]);
        let port = columns[1].split_once(':')?.1;
        own.then(|| u16::from_str_radix(port, 16).ok()).flatten()
    })
}

/// Runs the program, which must refuse to start. Returns what it says.
#[track_caller]
pub fn refused(redis: &str, args: &[&str]) -> String {
    let began = Instant::now();
    let mut child = command(redis, args).spawn().unwrap();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > SOON {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it started: {args:?}");
        }
        thread::yield_now();
    };
    assert_eq!(status.code(), Some(2), "{args:?}");
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// A directory with an auth file of these people: name, role and password.
pub fn auth_file(people: &[(&str, &str, &str)]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth");
    write_auth_file(&path, people);
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

pub fn write_auth_file(path: &std::path::Path, people: &[(&str, &str, &str)]) {
    use std::os::unix::fs::PermissionsExt;
    let lines: String = people.iter().map(|(name, role, password)| hashed(name, role, password)).collect();
    let new = path.with_extension("new");
    std::fs::write(&new, lines).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// The line that the program makes of a password.
#[track_caller]
pub fn hashed(name: &str, role: &str, password: &str) -> String {
    use std::io::Write;
    let mut command = lockwatch(["web", "--hash-password", name, role]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
