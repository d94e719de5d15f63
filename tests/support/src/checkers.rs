//! The server's own checkers for its files: redis-check-rdb and redis-check-aof.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::Server;
use super::builder::binary;

impl Server {
    /// Asserts that redis-check-rdb accepts `dump.rdb`.
    #[track_caller]
    pub fn check_rdb(&self) {
        self.check("check-rdb", &self.dir().join("dump.rdb"));
    }

    /// Asserts that redis-check-aof accepts the append-only files.
    #[track_caller]
    pub fn check_aof(&self) {
        self.check("check-aof", &self.aof_dir().join("appendonly.aof.manifest"));
    }

    pub fn aof_dir(&self) -> PathBuf {
        self.dir().join("appendonlydir")
    }

    /// The newest file in [`Server::aof_dir`] whose name ends with `ending`.
    #[track_caller]
    pub fn aof_file(&self, ending: &str) -> PathBuf {
        let entries = fs::read_dir(self.aof_dir()).expect("the server keeps an AOF");
        let files = entries.map(|entry| entry.expect("a directory can be listed").path());
        let matching = files.filter(|path| path.to_string_lossy().ends_with(ending));
        matching.max().unwrap_or_else(|| panic!("no {ending} in {:?}", self.aof_dir()))
    }

    #[track_caller]
    fn check(&self, what: &str, file: &Path) {
        let Some(tool) = tool(what) else { return };
        let output = Command::new(&tool).arg(file).output().unwrap_or_else(|why| panic!("{tool:?}: {why}"));
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{tool:?} {file:?}: {stdout}");
    }
}

/// Finds the checker that belongs to the server under test. Returns `None` only for a server from
/// `LOCKWATCH_SERVER` that has no such tool beside it.
fn tool(what: &str) -> Option<PathBuf> {
    let server = PathBuf::from(binary());
    let name = server.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let tool = name.replace("server", what);
    let beside = server.parent().map(|dir| dir.join(&tool)).filter(|path| path.exists());
    let path = env::var_os("PATH").unwrap_or_default();
    let found = match server.components().count() {
        1 => env::split_paths(&path).map(|dir| dir.join(&tool)).find(|path| path.exists()),
        _ => beside,
    };
    if found.is_none() {
        assert!(env::var_os("LOCKWATCH_SERVER").is_some(), "{tool} is not on PATH");
        eprintln!("not checked: there is no {tool} beside {server:?}");
    }
    found
}
