//! How a server is to be started.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs, fs::Permissions};

use tempfile::TempDir;

use super::Server;

/// A server to be: with the module, without persistence, on a free port of 127.0.0.1, in a directory of its own.
#[derive(Debug, Default)]
pub struct Builder {
    lines: Vec<String>,
    module_args: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) without_module: bool,
    pub(super) cluster: bool,
    pub(super) may_panic: bool,
    dir: Option<TempDir>,
}

impl Builder {
    /// Adds a line to its redis.conf; it outweighs the lines before it.
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Arguments of its `loadmodule` line.
    pub fn module_args(mut self, args: &str) -> Self {
        self.module_args = format!(" {args}");
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Does not load the module.
    pub fn without_module(mut self) -> Self {
        self.without_module = true;
        self
    }

    /// A replica of `primary`.
    pub fn replica_of(self, primary: &Server) -> Self {
        let address = primary.address();
        self.config(format!("replicaof {} {}", address.ip(), address.port()))
    }

    /// A node of a Redis Cluster, without slots as yet.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self.config("cluster-enabled yes").config("cluster-config-file nodes.conf")
    }

    /// The data directory of an earlier server, with what it saved there.
    pub fn data_dir(mut self, dir: TempDir) -> Self {
        self.dir = Some(dir);
        self
    }

    /// The test makes handlers panic: that the server counts it is no failure.
    pub fn may_panic(mut self) -> Self {
        self.may_panic = true;
        self
    }

    /// Starts it; panics with its log if it does not come up.
    #[track_caller]
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts it, or returns what it logged before it gave up.
    pub fn try_start(mut self) -> Result<Server, String> {
        let dir = self
            .dir
            .take()
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

/// The name of the module's copy in a server's directory.
const MODULE: &str = "liblockwatch.so";

/// Puts the module under test into `dir`. All servers of a run load the same bytes, whatever is built meanwhile.
pub(super) fn put_module_into(dir: &Path) -> PathBuf {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(module()).expect("the module can be read"));
    let path = dir.join(MODULE);
    fs::write(&path, &*BYTES).expect("the module's copy is written");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("the module's copy is made executable");
    path
}

/// The module under test: the newer of the two places in which cargo leaves it (`cargo test` builds it beside the
/// tests, `cargo build` also links it one directory up).
fn module() -> PathBuf {
    if let Some(path) = env::var_os("LOCKWATCH_MODULE") {
        return path.into();
    }
    let test = env::current_exe().expect("the test knows its own path");
    let places = test.ancestors().skip(1).take(2).map(|dir| dir.join(MODULE));
    let built = places.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).max();
    built.expect("liblockwatch.so stands beside the tests").1
}

/// The server under test. A path is made absolute: servers start in directories of their own.
pub(super) fn binary() -> OsString {
    let named = env::var_os("LOCKWATCH_SERVER").unwrap_or_else(|| "redis-server".into());
    if Path::new(&named).components().count() == 1 {
        return named;
    }
    fs::canonicalize(named).expect("LOCKWATCH_SERVER names a file").into()
}

/// A port that nobody listens on. Another process may still be faster: the server then fails to start on it.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
