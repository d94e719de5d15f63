//! What a check has found.

use crate::text::printable;

/// How bad a finding is, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    /// The check could not look: a right or an option is missing.
    Skipped,
    /// Worth knowing. It does not change the exit code.
    Note,
    Warning,
    Error,
}

impl Level {
    /// Part of the JSON output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A command to copy, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command for the server of the finding, as `redis-cli` takes it.
    Redis(String),
    /// A statement for Postgres.
    Sql(String),
    /// What `redis-cli --cluster` is to do. It may be asked at any node of the cluster.
    Cluster(&'static str),
    /// A line for a shell.
    Shell(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    /// The server that it is about; `None` if it is about all of them, or about the database.
    pub node: Option<String>,
    /// What was seen, with the value. Escaped for a terminal.
    pub seen: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub todo: String,
    pub remedies: Vec<Remedy>,
}

impl Finding {
    fn new(level: Level, seen: impl AsRef<str>) -> Self {
        Self {
            level,
            node: None,
            seen: printable(seen.as_ref().as_bytes()),
            why: String::new(),
            todo: String::new(),
            remedies: Vec::new(),
        }
    }

    pub fn error(seen: impl AsRef<str>) -> Self {
        Self::new(Level::Error, seen)
    }

    pub fn warning(seen: impl AsRef<str>) -> Self {
        Self::new(Level::Warning, seen)
    }

    pub fn note(seen: impl AsRef<str>) -> Self {
        Self::new(Level::Note, seen)
    }

    pub fn skipped(why: impl AsRef<str>) -> Self {
        Self::new(Level::Skipped, why)
    }

    pub fn at(level: Level, seen: impl AsRef<str>) -> Self {
        Self::new(level, seen)
    }

    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    pub fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = todo.into();
        self
    }

    pub fn redis(mut self, command: impl Into<String>) -> Self {
        self.remedies.push(Remedy::Redis(command.into()));
        self
    }

    pub fn sql(mut self, statement: impl Into<String>) -> Self {
        self.remedies.push(Remedy::Sql(statement.into()));
        self
    }

    pub fn cluster(mut self, verb: &'static str) -> Self {
        self.remedies.push(Remedy::Cluster(verb));
        self
    }

    pub fn shell(mut self, line: impl Into<String>) -> Self {
        self.remedies.push(Remedy::Shell(line.into()));
        self
    }

    pub fn on(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
    }
}
