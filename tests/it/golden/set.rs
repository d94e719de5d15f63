//! A golden set: the files that one server has made, and how a server loads each of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::replication::{RecordedPrimary, Recording};

pub use crate::support::replication::command;
use crate::support::tokens::{Algorithm, Keys};
use crate::support::{Builder, Client, Server, wait_until};

/// The golden files of this version.
pub const CURRENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/0.2");

/// The entry bound of the servers that made the files, so low that entries are merged.
const MAX_ENTRIES: u16 = 16;
/// The bound on audit events, which is reached.
const MAX_EVENTS: u16 = 32;

/// Published to mark the end of the stream. It changes nothing.
pub const LAST: [&str; 3] = ["PUBLISH", "golden", "end"];

/// The directory of a set.
pub struct Set {
    dir: PathBuf,
}

/// One way to load a set. A set of large values has only the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Rdb,
    /// A rewritten AOF without an RDB preamble, and the commands after it.
    Aof,
    /// The same with an RDB preamble.
    AofWithPreamble,
    /// What a primary sends to a replica: an RDB, and the commands after it.
    Stream,
}

pub const SOURCES: [Source; 4] = [Source::Rdb, Source::Aof, Source::AofWithPreamble, Source::Stream];

impl Source {
    /// The file that is loaded first.
    fn first_file(self) -> &'static str {
        match self {
            Self::Rdb => "dump.rdb",
            Self::Aof => "base.aof",
            Self::AofWithPreamble => "base.rdb",
            Self::Stream => "sync.rdb",
        }
    }
}

impl Set {
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// All sets of a version.
    pub fn all(version: &str) -> Vec<Self> {
        let entries = fs::read_dir(version).expect("the golden files");
        let dirs = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
        let mut sets: Vec<_> = dirs.map(Self::at).collect();
        sets.sort_by(|one, other| one.dir.cmp(&other.dir));
        sets
    }

    /// All sets of a version but those of large values.
    pub fn complete(version: &str) -> Vec<Self> {
        Self::all(version).into_iter().filter(Self::is_complete).collect()
    }

    /// Whether it has every source.
    pub fn is_complete(&self) -> bool {
        self.sources().len() == SOURCES.len()
    }

    /// The server that made it.
    pub fn name(&self) -> String {
        self.dir.file_name().expect("a name").to_string_lossy().into_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|why| panic!("{:?}: {why}", self.path(name)))
    }

    /// A line of `settings`: the time at which the files were made (`clock`), the endpoints of
    /// alerts (`webhook-urls`).
    fn setting(&self, name: &str) -> String {
        let text = self.text("settings");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text:?}")).to_owned()
    }

    pub fn clock(&self) -> i64 {
        self.setting("clock").parse().expect("milliseconds")
    }

    /// The sources whose files it has.
    pub fn sources(&self) -> Vec<Source> {
        let has = |source: &Source| self.path(&format!("{}.gz", source.first_file())).exists();
        SOURCES.into_iter().filter(has).collect()
    }

    /// The RDB that `source` is or begins with.
    pub fn rdb_of(&self, source: Source) -> Option<Vec<u8>> {
        (source != Source::Aof).then(|| self.packed(source.first_file()))
    }

    /// A server like the one that made the files, without data. It sends nothing.
    pub fn builder(&self, keys: &Keys) -> Builder {
        builder(keys, self.clock())
            .config(format!("lockwatch.webhook-urls \"{}\"", self.setting("webhook-urls")))
            .config("lockwatch.ship no")
    }

    /// Starts a server that loads `source`. Returns its log if it does not start.
    pub fn start(&self, source: Source, keys: &Keys) -> Result<Server, String> {
        self.start_from(source, self.builder(keys), &self.data(source))
    }

    /// Like [`Set::start`], from a copy of `data`.
    pub fn start_from(&self, source: Source, builder: Builder, data: &[File]) -> Result<Server, String> {
        let dir = TempDir::with_prefix("lockwatch-golden-").expect("a temporary directory");
        fs::create_dir(dir.path().join("appendonlydir")).expect("a directory");
        for (path, bytes) in data {
            fs::write(dir.path().join(path), bytes).expect("a file");
        }
        let appends = matches!(source, Source::Aof | Source::AofWithPreamble);
        let builder = builder.config(format!("appendonly {}", if appends { "yes" } else { "no" }));
        builder.data_dir(dir).try_start()
    }

    /// The files from which a server starts that loads `source`, with their paths in its directory.
    /// A stream has none.
    pub fn data(&self, source: Source) -> Vec<File> {
        let first = source.first_file();
        match source {
            Source::Rdb => vec![(first.into(), self.packed(first))],
            Source::Aof | Source::AofWithPreamble => self.aof(first),
            Source::Stream => Vec::new(),
        }
    }

    /// An AOF of two files. The second holds the same commands as the stream.
    fn aof(&self, base: &str) -> Vec<File> {
        let stream = self.packed("stream");
        let added = stream.strip_suffix(&command(&LAST)[..]).expect("the stream ends with the mark");
        let manifest = format!("file {base} seq 1 type b\nfile added.aof seq 1 type i\n");
        let files = [
            ("appendonly.aof.manifest", manifest.into_bytes()),
            (base, self.packed(base)),
            ("added.aof", added.to_vec()),
        ];
        files.into_iter().map(|(name, bytes)| (Path::new("appendonlydir").join(name), bytes)).collect()
    }

    pub fn recording(&self) -> Recording {
        Recording { rdb: self.packed("sync.rdb"), stream: self.packed("stream") }
    }

    /// Reads a file that is compressed.
    pub fn packed(&self, name: &str) -> Vec<u8> {
        let path = self.path(&format!("{name}.gz"));
        let output = Command::new("gzip").args(["--decompress", "--stdout"]).arg(&path).output();
        let output = output.expect("gzip runs");
        assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Writes a file, compressed.
    pub fn pack(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::write(&path, bytes).expect("the file is written");
        // Without its name and time, so that equal files are equal when compressed.
        let status = Command::new("gzip").args(["--best", "--no-name", "--force"]).arg(&path).status();
        assert!(status.expect("gzip runs").success());
    }
}

/// A path and what the file holds.
pub type File = (PathBuf, Vec<u8>);

/// A server with everything that the golden files use, and a clock that stands at `clock`.
pub fn builder(keys: &Keys, clock: i64) -> Builder {
    Server::builder()
        .module_args("cl-throttle yes")
        .env("LOCKWATCH_CLOCK", clock.to_string())
        .issuing(keys, Algorithm::Hs256)
        .any_age()
        .config(format!("lockwatch.guard-rules-file {CURRENT}/guard.rules"))
        .config("lockwatch.guard-learn 0")
        .config(format!("lockwatch.window-max-entries {MAX_ENTRIES}"))
        .config(format!("lockwatch.audit-max-events {MAX_EVENTS}"))
        // The clock moves by hours while events wait.
        .config("lockwatch.audit-lag-alert 0")
        .config("lockwatch.webhook-allow-private yes")
        // The golden files are compressed as a whole.
        .config("rdbcompression no")
}

/// Has `server` apply a recording as a replica, and makes it a primary then.
#[track_caller]
pub fn replay(server: &Server, recording: Recording) {
    let primary = RecordedPrimary::start(recording);
    let mut client = server.client();
    follow(&mut client, &primary);
    wait_until("the replica has applied everything", || {
        let info = client.info("replication");
        info.text("master_link_status") == "up" && info.number("slave_repl_offset") == primary.end()
    });
    assert_eq!(client.run("REPLICAOF NO ONE").text(), "OK");
}

#[track_caller]
pub fn follow(client: &mut Client, primary: &RecordedPrimary) {
    let address = primary.address();
    assert_eq!(client.run(&format!("REPLICAOF {} {}", address.ip(), address.port())).text(), "OK");
}
