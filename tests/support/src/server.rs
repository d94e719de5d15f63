//! A running server.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{io, thread, time::Duration};

use tempfile::TempDir;

use super::builder::{Builder, binary, free_port, put_module_into};
use super::written::{self, Allowed};
use super::{Client, SOON, wait_until};

/// The name of the configuration file in the server's directory.
pub(super) const CONFIG: &str = "redis.conf";

/// A server that the test started. Drop kills it. Whenever it ends, its log is checked
/// ([`super::written`]).
pub struct Server {
    /// `None` while it is stopped.
    process: Option<Process>,
    address: SocketAddr,
    bus_port: Option<u16>,
    environment: Vec<(String, String)>,
    has_module: bool,
    allowed: Allowed,
    /// The number of starts, including failed ones.
    starts: usize,
    dir: Option<TempDir>,
}

struct Process {
    child: Child,
    /// The server's process id. It differs from the child's if `LOCKWATCH_SERVER` is a script that
    /// does not `exec`.
    pid: u32,
}

impl Server {
    /// Starts a server with the module and the default configuration.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn launch(how: Builder, dir: TempDir) -> Result<Self, String> {
        let mut server = Self {
            process: None,
            address: ([127, 0, 0, 1], 0).into(),
            bus_port: None,
            environment: how.environment,
            has_module: !how.without_module,
            allowed: how.allowed,
            starts: 0,
            dir: Some(dir),
        };
        for _ in 0..10 {
            server.address.set_port(free_port());
            server.bus_port = how.cluster.then(free_port);
            match server.spawn() {
                Err(log) if log.contains("Address already in use") => {}
                outcome => return outcome.map(|()| server),
            }
        }
        Err("every port was taken by the time the server tried it".into())
    }

    /// Starts the process on its port and waits until it answers. Returns its log as the error if
    /// it exits instead.
    fn spawn(&mut self) -> Result<(), String> {
        self.put_logs_aside();
        let output = File::create(self.dir().join("output.log")).expect("a file in the server's directory");
        let mut command = Command::new(binary());
        command.arg(self.dir().join(CONFIG)).args(["--port", &self.address.port().to_string()]);
        if let Some(port) = self.bus_port {
            command.args(["--cluster-port", &port.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a second handle")).stderr(output);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child =
            command.current_dir(self.dir()).spawn().unwrap_or_else(|why| panic!("{:?}: {why}", binary()));
        let pid = child.id();
        self.process = Some(Process { child, pid });
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(pid) = self.answers_as() {
                self.process.as_mut().expect("just started").pid = pid;
                return Ok(());
            }
            let process = self.process.as_mut().expect("just started");
            if process.child.try_wait().expect("the child can be waited for").is_some() {
                self.process = None;
                return Err(self.log());
            }
            if Instant::now() > deadline {
                self.end();
                return Err(format!("no answer within {SOON:?}\n{}", self.log()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns the server's process id if it answers and is not loading. Another server may answer
    /// on the same port, so the directory must match too.
    fn answers_as(&self) -> Option<u32> {
        let mut client = Client::connect(self.address).ok()?;
        if client.try_call(&["PING"]).ok()?.is_error() {
            return None;
        }
        let dir = client.try_call(&["CONFIG", "GET", "dir"]).ok()?;
        let same =
            fs::canonicalize(dir.field_if_any("dir")?.text()).ok()? == fs::canonicalize(self.dir()).ok()?;
        let info = client.info("everything");
        let loaded =
            info.text("loading") == "0" && info.fields.get("async_loading").is_none_or(|on| on == "0");
        (same && loaded).then(|| info.number("process_id")).and_then(|pid| u32::try_from(pid).ok())
    }

    /// Opens a connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.address).unwrap_or_else(|why| panic!("can't connect: {why}\n{}", self.log()))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of the cluster bus.
    pub fn bus_port(&self) -> Option<u16> {
        self.bus_port
    }

    /// The URL for clients of the `redis` crate.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().expect("kept until drop").path()
    }

    /// Copies the module into the server's directory, for MODULE LOAD. Returns the path.
    pub fn put_module(&self) -> String {
        put_module_into(self.dir()).to_str().expect("a path in UTF-8").to_owned()
    }

    /// Everything logged since the last start.
    pub fn log(&self) -> String {
        let read = |name| fs::read(self.dir().join(name)).unwrap_or_default();
        let text = [read("output.log"), read("server.log")].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    #[track_caller]
    pub fn info(&self, section: &str) -> Info {
        self.client().info(section)
    }

    /// Returns whether the server is Redis of at least version `redis`, or Valkey of at least
    /// version `valkey`.
    pub fn is_at_least(&self, redis: (u32, u32), valkey: (u32, u32)) -> bool {
        let info = self.info("server");
        let (version, wanted) = match info.fields.get("valkey_version") {
            Some(version) => (version.clone(), valkey),
            None => (info.text("redis_version"), redis),
        };
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= wanted
    }

    /// Waits until `replica` has applied everything this server has sent so far.
    #[track_caller]
    pub fn wait_for_replica(&self, replica: &Server) {
        let mut there = replica.client();
        wait_until("the replica is connected", || {
            there.info("replication").text("master_link_status") == "up"
        });
        let offset = self.info("replication").number("master_repl_offset");
        wait_until("the replica has caught up", || {
            there.info("replication").number("slave_repl_offset") >= offset
        });
    }

    /// The log of an earlier start must not be mistaken for this one's, but is checked at the end.
    fn put_logs_aside(&mut self) {
        self.starts += 1;
        for name in ["output", "server"] {
            let aside = self.dir().join(format!("{name}.{}.log", self.starts));
            let _ = fs::rename(self.dir().join(format!("{name}.log")), aside);
        }
    }

    /// `kill -9`.
    #[track_caller]
    pub fn kill(&mut self) {
        self.end();
        self.assert_log_is_sound();
    }

    /// Kills the process if it runs.
    fn end(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if process.pid != process.child.id() {
            signal("KILL", process.pid);
        }
        process.child.kill().expect("the child can be killed");
        process.child.wait().expect("the child can be waited for");
    }

    /// Stops the server with SIGTERM, as an init system does, and waits until it has exited.
    /// Asserts that the module caught no panic.
    #[track_caller]
    pub fn stop(&mut self) {
        self.assert_no_panic();
        let Some(process) = &mut self.process else { return };
        signal("TERM", process.pid);
        // `process` is cleared only after the exit, so that drop kills a server that does not stop.
        wait_until("the server ends", || {
            process.child.try_wait().expect("the child can be waited for").is_some()
        });
        self.process = None;
        self.assert_log_is_sound();
    }

    /// Starts the server again on the same port and data, after [`Server::stop`] or
    /// [`Server::kill`].
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it is still running");
        self.spawn().unwrap_or_else(|log| panic!("the server did not start again:\n{log}"));
    }

    /// Stops the server and returns its data directory, for [`Builder::data_dir`].
    #[track_caller]
    pub fn into_data(mut self) -> TempDir {
        self.stop();
        self.dir.take().expect("kept until drop")
    }

    #[track_caller]
    fn assert_no_panic(&self) {
        if self.process.is_none() || self.allowed.panics || !self.has_module {
            return;
        }
        match self.try_info("lockwatch") {
            Ok(info) => {
                assert_eq!(
                    info.number("lockwatch_panics_total"),
                    0,
                    "the module has panicked:\n{}",
                    self.log()
                );
            }
            Err(why) => panic!("the server is gone ({why}):\n{}", self.log()),
        }
    }

    fn try_info(&self, section: &str) -> io::Result<Info> {
        let answer = Client::connect(self.address)?.try_call(&["INFO", section])?;
        Ok(Info::parse(&answer.text()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            if self.dir.is_some() {
                let log = self.log();
                let lines: Vec<_> = log.lines().collect();
                eprintln!(
                    "the end of the server's log:\n{}",
                    lines[lines.len().saturating_sub(40)..].join("\n")
                );
            }
            self.end();
            return;
        }
        // The guard kills the process even if an assertion below fails.
        struct Always<'a>(&'a mut Server);
        impl Drop for Always<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }
        let server = Always(self);
        server.0.assert_no_panic();
        server.0.end();
        server.0.assert_log_is_sound();
        server.0.assert_no_token_at_rest();
    }
}

impl Server {
    /// Asserts that nothing logged since the first start is a fault.
    #[track_caller]
    fn assert_log_is_sound(&self) {
        // The directory is gone after `into_data`, which stopped the server.
        let Some(dir) = self.dir.as_ref().filter(|_| !thread::panicking()) else { return };
        let faults = written::faults_in_logs(dir.path(), &self.allowed);
        assert!(faults.is_empty(), "faults in the log:\n{faults}");
    }

    /// Asserts that no file of the server contains a token.
    #[track_caller]
    fn assert_no_token_at_rest(&self) {
        let Some(dir) = self.dir.as_ref().filter(|_| self.has_module) else { return };
        written::assert_no_token(dir.path());
    }
}

impl Server {
    pub fn threads(&self) -> Vec<String> {
        let pid = self.info("server").number("process_id");
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs");
        // A thread may end while the list is read.
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
        tasks.filter_map(|task| name(task.ok()?)).map(|name| name.trim().to_owned()).collect()
    }
}

/// Sends a signal to a process that the test started.
pub(super) fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "can't send {name} to {pid}");
}

pub struct Info {
    /// Every `name:value` of every section.
    pub fields: BTreeMap<String, String>,
    pub sections: Vec<String>,
}

impl Info {
    fn parse(text: &str) -> Self {
        let field =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            fields: text.lines().filter_map(field).collect(),
            sections: text.lines().filter_map(|line| line.strip_prefix("# ").map(str::to_owned)).collect(),
        }
    }

    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        self.fields.get(name).unwrap_or_else(|| panic!("INFO has no {name}")).clone()
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_else(|_| panic!("{name} is not a number"))
    }
}

impl Client {
    #[track_caller]
    pub fn info(&mut self, section: &str) -> Info {
        Info::parse(&self.call(&["INFO", section]).text())
    }

    /// Waits until no rewrite of the AOF runs or is due, and asserts that the last one succeeded.
    #[track_caller]
    pub fn wait_for_aof_rewrite(&mut self) {
        wait_until("the AOF is rewritten", || {
            let info = self.info("persistence");
            info.number("aof_rewrite_in_progress") + info.number("aof_rewrite_scheduled") == 0
        });
        assert_eq!(self.info("persistence").text("aof_last_bgrewrite_status"), "ok");
    }
}
