//! The configuration of a server before its start.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs, fs::Permissions};

use tempfile::TempDir;

use super::Server;
use super::written::Allowed;

/// Builds a server. By default it has the module, no persistence, a free port on 127.0.0.1 and its
/// own directory.
#[derive(Debug, Default)]
pub struct Builder {
    lines: Vec<String>,
    module_args: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) without_module: bool,
    pub(super) cluster: bool,
    pub(super) allowed: Allowed,
    dir: Option<TempDir>,
}

impl Builder {
    /// Adds a line to redis.conf. It overrides earlier lines.
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Sets the arguments of the `loadmodule` line.
    pub fn module_args(mut self, args: &str) -> Self {
        self.module_args = format!(" {args}");
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn without_module(mut self) -> Self {
        self.without_module = true;
        self
    }

    pub fn replica_of(self, primary: &Server) -> Self {
        let address = primary.address();
        self.config(format!("replicaof {} {}", address.ip(), address.port()))
    }

    /// Makes it a node of a Redis Cluster, without slots.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self.config("cluster-enabled yes").config("cluster-config-file nodes.conf")
    }

    /// Uses the data directory of an earlier server.
    pub fn data_dir(mut self, dir: TempDir) -> Self {
        self.dir = Some(dir);
        self
    }

    /// Allows panics in handlers, which otherwise fail the test.
    pub fn may_panic(mut self) -> Self {
        self.allowed.panics = true;
        self
    }

    /// Allows any number of warnings that contain `text`, which otherwise fail the test as a flood.
    pub fn may_repeat(mut self, text: &str) -> Self {
        self.allowed.repeated.push(text.into());
        self
    }

    /// Allows `text` in the log, although it looks like a secret.
    pub fn may_show(mut self, text: &str) -> Self {
        self.allowed.shown.push(text.into());
        self
    }

    /// Starts the server. Panics with its log if the start fails.
    #[track_caller]
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts the server, or returns its log if the start fails.
    pub fn try_start(mut self) -> Result<Server, String> {
        let dir = self
            .dir
            .take()
            .inspect(|dir| forget_logs(dir.path()))
            .unwrap_or_else(|| TempDir::with_prefix("lockwatch-it-").expect("a temporary directory"));
        if !self.without_module {
            put_module_into(dir.path());
        }
        fs::write(dir.path().join(super::server::CONFIG), self.redis_conf(dir.path()))
            .expect("redis.conf is written");
        Server::launch(self, dir)
    }

    fn redis_conf(&self, dir: &Path) -> String {
        let mut conf = format!(
            "bind 127.0.0.1\nprotected-mode yes\ndaemonize no\nsave \"\"\ndir {}\nlogfile server.log\n\
             enable-debug-command yes\nenable-module-command yes\nrepl-diskless-sync-delay 0\n\
             repl-ping-replica-period 3600\nmaxclients 500\n",
            dir.display()
        );
        if !self.without_module {
            conf += &format!("loadmodule {}{}\n", dir.join(MODULE).display(), self.module_args);
        }
        self.lines.iter().for_each(|line| conf += &format!("{line}\n"));
        conf
    }
}

/// Removes the logs of the directory's earlier server, which were checked when it ended.
fn forget_logs(dir: &Path) {
    let entries = fs::read_dir(dir).expect("a data directory").filter_map(Result::ok);
    let logs =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "log"));
    logs.for_each(|path| fs::remove_file(path).expect("a log can be removed"));
}

/// The file name of the module's copy in a server's directory.
const MODULE: &str = "liblockwatch.so";

/// Copies the module under test into `dir`. All servers of a run load the same bytes, even if the
/// module is rebuilt meanwhile.
pub(super) fn put_module_into(dir: &Path) -> PathBuf {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(module()).expect("the module can be read"));
    let path = dir.join(MODULE);
    fs::write(&path, &*BYTES).expect("the module's copy is written");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("the module's copy is made executable");
    path
}

/// Finds the newer of cargo's two copies of the module: `cargo test` builds it beside the tests,
/// `cargo build` also links it one directory up.
fn module() -> PathBuf {
    if let Some(path) = env::var_os("LOCKWATCH_MODULE") {
        return path.into();
    }
    let test = env::current_exe().expect("the test knows its own path");
    let places = test.ancestors().skip(1).take(2).map(|dir| dir.join(MODULE));
    let built = places.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).max();
    built.expect("liblockwatch.so is built beside the tests").1
}

/// The server program. A path is made absolute, because servers start in their own directories.
pub(super) fn binary() -> OsString {
    let named = env::var_os("LOCKWATCH_SERVER").unwrap_or_else(|| "redis-server".into());
    if Path::new(&named).components().count() == 1 {
        return named;
    }
    fs::canonicalize(named).expect("LOCKWATCH_SERVER names a file").into()
}

/// A port that is currently free. Another process may take it first, and then the server fails to
/// start.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
