//! A template of a Postgres cluster. initdb runs once per test run and its output is kept in
//! memory, so that each test gets its own cluster quickly and no directory outlives the tests.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

use super::postgres::{PASSWORD, USER, program};
use super::unprivileged;

/// Creates `data` with a fresh cluster, owned by the user that Postgres runs as.
pub(super) fn create_cluster(data: &Path) {
    static TEMPLATE: LazyLock<Vec<Entry>> = LazyLock::new(initdb);
    // Postgres does not start if other users can read its directory.
    DirBuilder::new().mode(0o700).create(data).expect("the cluster's directory is created");
    unprivileged::hand_over(data);
    for Entry { path, content } in &*TEMPLATE {
        let path = data.join(path);
        match content {
            Some(bytes) => fs::write(&path, bytes),
            None => fs::create_dir(&path),
        }
        .expect("the cluster's file is written");
        unprivileged::hand_over(&path);
    }
}

/// A file, or a directory, whose `content` is `None`.
struct Entry {
    /// The path within the cluster.
    path: PathBuf,
    content: Option<Vec<u8>>,
}

fn initdb() -> Vec<Entry> {
    let dir = TempDir::with_prefix("lockwatch-initdb-").expect("a temporary directory");
    let (data, password) = (dir.path().join("data"), dir.path().join("password"));
    fs::write(&password, PASSWORD).expect("the password is written");
    unprivileged::hand_over(dir.path());
    unprivileged::hand_over(&password);
    let output = unprivileged::command(program("initdb"))
        .current_dir(dir.path())
        .args(["-D", "data", "-U", USER, "--pwfile=password", "--no-sync", "--no-instructions"])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale"])
        // The smallest WAL segments, because they are most of the cluster's bytes.
        .args(["--wal-segsize", "1"])
        .output()
        .expect("initdb runs");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    let mut entries = Vec::new();
    collect(&data, &data, &mut entries);
    entries
}

/// Collects everything in `dir`, each directory before its contents.
fn collect(data: &Path, dir: &Path, entries: &mut Vec<Entry>) {
    for entry in fs::read_dir(dir).expect("a directory of the cluster") {
        let path = entry.expect("an entry").path();
        let content = path.is_file().then(|| fs::read(&path).expect("a file of the cluster"));
        let is_dir = content.is_none();
        let within = path.strip_prefix(data).expect("it is in the cluster").to_owned();
        entries.push(Entry { path: within, content });
        if is_dir {
            collect(data, &path, entries);
        }
    }
}
