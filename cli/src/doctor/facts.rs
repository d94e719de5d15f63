//! What was collected from the servers and the database. The checks see nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

pub use super::asked::{Asked, Missing, asked};
use super::database::Database;
pub use super::host::Loads;
use super::users::User;
use crate::connect::failure::Failure;
use crate::connect::fleet::Kind;
use crate::info::Info;

pub struct Facts {
    pub kind: Kind,
    pub nodes: Vec<NodeFacts>,
    /// Why the list of servers could not be asked for, if so.
    pub failure: Option<String>,
    /// Whether the program sends its password without TLS.
    pub plain_password: bool,
    pub database: DatabaseFacts,
}

pub enum DatabaseFacts {
    /// No URL was given.
    NotAsked,
    /// The database could not be asked.
    Failed(String),
    Asked(Box<Database>),
}

pub struct NodeFacts {
    pub name: String,
    /// The role that the server itself says it has, else that of the topology.
    pub primary: bool,
    /// The slots of a cluster's primary.
    pub slots: Vec<(u16, u16)>,
    /// `Err` if the server can't be reached or does not let the program in.
    pub answers: Result<Box<Answers>, Failure>,
}

/// What one server answered.
pub struct Answers {
    pub info: Asked<Info>,
    /// INFO some time later, and how much later, if that was wanted.
    pub later: Option<(Asked<Info>, Duration)>,
    pub config: Asked<BTreeMap<String, String>>,
    pub modules: Asked<Vec<Module>>,
    pub clock: Asked<Clock>,
    /// The program's own user.
    pub whoami: Asked<String>,
    pub users: Asked<Vec<User>>,
    /// The lines of LW.RULES.
    pub rules: Asked<Vec<String>>,
    /// The types and times of recent alerts of the module.
    pub alerts: Asked<Vec<RecentAlert>>,
    /// The module that has the command CL.THROTTLE; empty if none.
    pub throttle: Asked<String>,
    /// CLUSTER INFO; empty outside of a cluster.
    pub cluster: Asked<Info>,
    /// The `loadmodule` lines of redis.conf.
    pub loads: Asked<Loads>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    pub name: String,
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// By how many milliseconds the server's clock is ahead of the program's.
    pub ahead_ms: i64,
    /// By how much that may be wrong.
    pub uncertain_ms: i64,
    /// The median time of a call that does nothing.
    pub round_trip: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentAlert {
    pub kind: String,
    pub at_ms: i64,
}

/// A server that answered, as a check sees it.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub name: &'a str,
    pub primary: bool,
    pub slots: &'a [(u16, u16)],
    pub answers: &'a Answers,
}

impl<'a> Seen<'a> {
    pub fn info(&self) -> Asked<&'a Info> {
        asked(&self.answers.info)
    }

    pub fn config(&self) -> Asked<&'a BTreeMap<String, String>> {
        asked(&self.answers.config)
    }

    /// The value of a directive; empty if the server does not know it.
    pub fn directive(&self, name: &str) -> Asked<&'a str> {
        Ok(self.config()?.get(name).map(String::as_str).unwrap_or_default())
    }

    /// Whether the server has the module, as far as INFO can be asked.
    pub fn has_module(&self) -> bool {
        self.answers.info.as_ref().is_ok_and(Info::has_module)
    }

    /// A number of the module; 0 if this version does not have it.
    pub fn lockwatch(&self, name: &str) -> Asked<i64> {
        Ok(self.info()?.lockwatch(name).unwrap_or(0))
    }

    /// A number of INFO; 0 if this server does not have it.
    pub fn number(&self, name: &str) -> Asked<i64> {
        Ok(self.info()?.number(name).unwrap_or(0))
    }

    /// A text of INFO; empty if this server does not have it.
    pub fn text(&self, name: &str) -> Asked<&'a str> {
        Ok(self.info()?.text(name).unwrap_or_default())
    }
}

impl Facts {
    /// The servers that answered.
    pub fn seen(&self) -> impl Iterator<Item = Seen<'_>> {
        self.nodes.iter().filter_map(|node| {
            let answers = node.answers.as_deref().ok()?;
            Some(Seen { name: &node.name, primary: node.primary, slots: &node.slots, answers })
        })
    }

    /// The servers that answered and have the module.
    pub fn with_module(&self) -> impl Iterator<Item = Seen<'_>> {
        self.seen().filter(Seen::has_module)
    }

    pub fn primaries(&self) -> impl Iterator<Item = Seen<'_>> {
        self.with_module().filter(|node| node.primary)
    }
}
