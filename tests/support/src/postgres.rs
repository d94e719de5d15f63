//! A real Postgres with its own cluster on a free port, which the test can stop, kill and
//! reconfigure.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use super::ports::own_port;
use super::server::signal;
use super::{template, unprivileged, wait_until};

/// The user's password. It needs percent-encoding in a URL, and must never appear in logs or
/// replies.
pub const PASSWORD: &str = "p@ss/w:rd%";
/// [`PASSWORD`] as written in a URL.
pub const ENCODED_PASSWORD: &str = "p%40ss%2Fw%3Ard%25";

/// The cluster's only user, a superuser.
pub const USER: &str = "lw_writer";

/// A running Postgres. It is stopped on drop.
pub struct Postgres {
    postmaster: Option<Child>,
    port: u16,
    config: Vec<String>,
    dir: TempDir,
}

#[derive(Default)]
pub struct PostgresBuilder {
    config: Vec<String>,
    tls: Option<(String, String)>,
}

impl PostgresBuilder {
    /// Adds a line to postgresql.conf.
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.config.push(line.into());
        self
    }

    /// Accepts TLS connections with this certificate and key in PEM.
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    #[track_caller]
    pub fn start(self) -> Postgres {
        let dir = TempDir::with_prefix("lockwatch-pg-").expect("a temporary directory");
        unprivileged::hand_over(dir.path());
        let mut postgres = Postgres { postmaster: None, port: 0, config: self.config, dir };
        postgres.init(self.tls);
        postgres.start_again();
        postgres
    }
}

impl Postgres {
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    #[track_caller]
    fn init(&mut self, tls: Option<(String, String)>) {
        template::create_cluster(&self.data());
        if let Some((certificate, key)) = tls {
            let certificate = self.write("server.crt", &certificate);
            let key = self.write("server.key", &key);
            self.config.push("ssl = on".into());
            self.config.push(format!("ssl_cert_file = '{}'", certificate.display()));
            self.config.push(format!("ssl_key_file = '{}'", key.display()));
        }
        // Tests kill processes but never the machine, so nothing has to be flushed to disk.
        let all = [
            "fsync = off",
            "full_page_writes = off",
            "max_wal_size = 1GB",
            "shared_buffers = 64MB",
            "logging_collector = off",
        ];
        let mut lines: Vec<String> = all.iter().map(|line| (*line).into()).collect();
        lines.push("listen_addresses = '127.0.0.1'".into());
        lines.push(format!("unix_socket_directories = '{}'", self.dir.path().display()));
        lines.extend(self.config.iter().cloned());
        lines.push("include_if_exists 'later.conf'".into());
        let conf = self.data().join("postgresql.conf");
        let mut text = fs::read_to_string(&conf).expect("initdb wrote a configuration");
        lines.iter().for_each(|line| text += &format!("{line}\n"));
        fs::write(conf, text).expect("the configuration is written");
    }

    /// Writes a file that only Postgres may read.
    fn write(&self, name: &str, contents: &str) -> PathBuf {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.dir.path().join(name);
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.expect("a file").write_all(contents.as_bytes()).expect("it can be written");
        unprivileged::hand_over(&path);
        path
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Starts Postgres on its port, or on a free port the first time.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.postmaster.is_none(), "Postgres is still running");
        let fresh = self.port == 0;
        for _ in 0..10 {
            if fresh {
                // The port must still be free after a stop.
                self.port = own_port().local_addr().expect("a bound listener has an address").port();
            }
            let log = File::options().create(true).append(true).open(self.dir.path().join("log"));
            let log = log.expect("a log file");
            let child = unprivileged::command(program("postgres"))
                .arg("-D")
                .arg(self.data())
                .args(["-p", &self.port.to_string()])
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a second handle"))
                .stderr(log)
                .spawn();
            self.postmaster = Some(child.expect("postgres runs"));
            let mut ended = false;
            wait_until("Postgres is up", || {
                let postmaster = self.postmaster.as_mut().expect("just started");
                ended = postmaster.try_wait().expect("the child can be waited for").is_some();
                ended || self.try_sql("postgres", "SELECT 1").is_ok()
            });
            if !ended {
                return;
            }
            self.postmaster = None;
            assert!(fresh && self.log().contains("Address already in use"), "{}", self.log());
        }
        panic!("every port was taken by the time Postgres tried it");
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self, database: &str) -> String {
        self.url_at(self.address(), database)
    }

    /// The URL of a database at another address, for example a proxy's.
    pub fn url_at(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://{USER}:{ENCODED_PASSWORD}@{address}/{database}")
    }

    /// Writes a URL to a file that the server under test may read. Returns the path.
    pub fn file_with(&self, url: &str) -> String {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.dir.path().join(format!("url.{n}"));
        fs::write(&path, format!("{url}\n")).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Like [`Postgres::file_with`], with the URL of a database.
    pub fn url_file(&self, database: &str) -> String {
        self.file_with(&self.url(database))
    }

    #[track_caller]
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
    }

    /// Runs a statement with `psql` and returns rows of columns.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        self.try_sql(database, sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// Changes a table in use. Postgres may end such a statement as one side of a deadlock with an
    /// insertion, and then it is run again.
    #[track_caller]
    pub fn alter(&self, database: &str, sql: &str) {
        wait_until(sql, || match self.try_sql(database, sql) {
            Err(why) if why.contains("deadlock detected") => false,
            other => {
                other.unwrap_or_else(|why| panic!("{sql}: {why}"));
                true
            }
        });
    }

    /// Like [`Postgres::sql`], for a statement that may fail.
    pub fn try_sql(&self, database: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let output = self.psql(database).args(["-c", sql]).output().expect("psql runs");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(|line| line.split(SEPARATOR).map(str::to_owned).collect()).collect())
    }

    /// Runs a query that returns one number.
    #[track_caller]
    pub fn number(&self, database: &str, sql: &str) -> i64 {
        self.sql(database, sql)[0][0].parse().unwrap_or_else(|_| panic!("{sql} answers no number"))
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = Command::new("psql");
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-F", SEPARATOR, "-U", USER]);
        command.arg("-h").arg(self.dir.path()).args(["-p", &self.port.to_string(), database]);
        command.env("PGCONNECT_TIMEOUT", "20").env("PGTZ", "UTC");
        command
    }

    /// Opens a session that stays open, so that it can hold locks.
    #[track_caller]
    pub fn session(&self, database: &str) -> Session {
        let mut child = self
            .psql(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("psql runs");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Session { child, input: Some(input), output }
    }

    /// Stops Postgres with a fast shutdown, as an administrator does.
    #[track_caller]
    pub fn stop(&mut self) {
        self.end("INT");
    }

    /// Kills the postmaster with `kill -9`. The other processes then exit by themselves.
    #[track_caller]
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    #[track_caller]
    fn end(&mut self, how: &str) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        let children = children_of(postmaster.id());
        signal(how, postmaster.id());
        postmaster.wait().expect("the child can be waited for");
        // A new postmaster cannot start while one of these processes holds the shared memory.
        wait_until("all processes of Postgres have exited", || children.iter().all(|pid| !is_alive(*pid)));
    }

    /// Changes the configuration and reloads it.
    #[track_caller]
    pub fn configure(&self, lines: &[&str]) {
        let path = self.data().join("later.conf");
        fs::write(&path, lines.join("\n") + "\n").expect("a file");
        unprivileged::hand_over(&path);
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(postmaster) = &mut self.postmaster {
            // Immediate shutdown, which closes all connections.
            signal("QUIT", postmaster.id());
            let _ = postmaster.wait();
        }
    }
}

/// The separator of columns. No test has it in its data.
const SEPARATOR: &str = "\u{1f}";

/// A `psql` that stays open.
pub struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
}

impl Session {
    /// Runs a statement and waits until it has finished.
    #[track_caller]
    pub fn run(&mut self, sql: &str) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{sql};\n\\echo done").expect("psql reads");
        input.flush().expect("psql reads");
        let mut line = String::new();
        while line.trim_end() != "done" {
            line.clear();
            let read = self.output.read_line(&mut line).expect("psql answers");
            assert!(read > 0, "psql ended at: {sql}");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // `psql` exits at the end of its input, which releases its locks.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// The path of a program of the newest Postgres. Debian keeps most of them off PATH.
pub(super) fn program(name: &str) -> PathBuf {
    static DIRECTORY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
        let found = versions.filter_map(|entry| Some(entry.ok()?.path()));
        let newest =
            found.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| version(path))?;
        Some(newest.join("bin"))
    });
    DIRECTORY.as_ref().map_or_else(|| name.into(), |directory| directory.join(name))
}

/// The child processes of `parent`.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc is there");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect()
}

fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// Returns the state and the parent of a process. The process name in parentheses may contain any
/// character, so parsing starts after the last one.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
