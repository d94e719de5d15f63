//! A running `lockwatch metrics`, and what it serves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockwatch_test_support::{SOON, wait_until};

use crate::program::lockwatch;

/// The program, which listens on a free port. It is killed on drop.
pub struct Running {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts it for these servers, with further arguments.
    #[track_caller]
    pub fn of(url: &str, more: &[&str]) -> Self {
        let args = ["metrics", "--listen", "127.0.0.1:0", "--redis", url];
        let mut command = lockwatch(args.into_iter().chain(more.iter().copied()));
        Self::start(&mut command)
    }

    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
        let errors = child.stderr.take().expect("a pipe");
        let log = Arc::new(Mutex::new(String::new()));
        let mut running = Self { child, address: ([127, 0, 0, 1], 0).into(), log: Arc::clone(&log) };
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                *log.lock().unwrap() += &format!("{line}\n");
            }
        });
        wait_until("the program listens", || match running.listens() {
            Some(address) => {
                running.address = address;
                true
            }
            None => false,
        });
        running
    }

    fn listens(&self) -> Option<SocketAddr> {
        let log = self.log();
        let (_, rest) = log.split_once("http://")?;
        rest.split_once("/metrics")?.0.parse().ok()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// How many lines of the log contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub fn stop(mut self, name: &str) -> ExitStatus {
        send_signal(name, self.child.id());
        wait_until("the program ends", || self.child.try_wait().expect("a child").is_some());
        self.child.wait().expect("a child")
    }

    /// Asks for a path.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// Sends a request as it is, and reads the answer to its end.
    #[track_caller]
    pub fn ask(&self, request: &str) -> Answer {
        let mut stream = connect(self.address);
        stream.write_all(request.as_bytes()).expect("the request is taken");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the answer ends");
        Answer::of(&String::from_utf8(bytes).expect("text"))
    }

    /// Asks for the metrics.
    #[track_caller]
    pub fn scrape(&self) -> Metrics {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Metrics::of(&answer.body)
    }

    /// Scrapes until `holds`.
    #[track_caller]
    pub fn wait_for(&self, what: &str, holds: impl Fn(&Metrics) -> bool) -> Metrics {
        let mut last = self.scrape();
        wait_until(what, || {
            last = self.scrape();
            holds(&last)
        });
        last
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, SOON).expect("the program accepts connections");
    stream.set_read_timeout(Some(SOON + Duration::from_secs(20))).expect("a time that is not 0");
    stream
}

/// Sends a signal to a process that the test started.
#[track_caller]
pub fn send_signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "can't send {name} to {pid}");
}

pub struct Answer {
    pub status: u16,
    /// The names are in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    #[track_caller]
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let header = |line: &str| {
            line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        };
        Self {
            status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
            headers: lines.filter_map(header).collect(),
            body: body.to_owned(),
        }
    }
}

/// The numbers of a text, by the series as it is written.
#[derive(Debug, Default)]
pub struct Metrics {
    series: BTreeMap<String, f64>,
    /// The types by name.
    pub types: BTreeMap<String, String>,
}

impl Metrics {
    #[track_caller]
    pub fn of(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                metrics.types.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (series, number) = line.rsplit_once(' ').expect("a series and a number");
                let number = number.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                let before = metrics.series.insert(series.to_owned(), number);
                assert!(before.is_none(), "a series is there twice: {series}");
            }
        }
        metrics
    }

    /// The sum of the series of `name` whose labels include `labels`; `None` if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let of_name = self.names().filter(|(found, _, _)| *found == name);
        let fit = of_name.filter(|(_, labels, _)| wanted.iter().all(|label| labels.contains(label.as_str())));
        fit.map(|(_, _, number)| number).reduce(|a, b| a + b)
    }

    /// The number of series of `name`.
    pub fn count(&self, name: &str) -> usize {
        self.names().filter(|(found, _, _)| *found == name).count()
    }

    /// Name, labels and number of all series.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.series.iter().map(|(series, number)| {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            (name, labels, *number)
        })
    }
}
