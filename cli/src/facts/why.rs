//! Why a subject is blocked: LW.WHY.

use redis::{Cmd, cmd};

use super::bans::Ban;
use super::gathered::{ask_owner, unreadable};
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::reply::Record;

/// Who is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Ip(String),
    User(Vec<u8>),
    /// An address and a user.
    Pair(String, Vec<u8>),
    Key(Vec<u8>),
    /// A user or key by the 16 digits that LW.BANS shows.
    Hash(String),
}

impl Subject {
    /// Adds the words that name the subject, as LW.WHY and LW.LIFT take them.
    pub fn add_to(&self, command: &mut Cmd) {
        match self {
            Self::Ip(ip) => command.arg("IP").arg(ip),
            Self::User(user) => command.arg("USER").arg(user),
            Self::Pair(ip, user) => command.arg("IP").arg(ip).arg("USER").arg(user),
            Self::Key(key) => command.arg("KEY").arg(key),
            Self::Hash(hash) => command.arg("HASH").arg(hash),
        };
    }

    /// The subject of an entry that LW.BANS shows, as far as it can be named: its hash, or its
    /// address.
    pub fn of(ban: &Ban) -> Self {
        match &ban.hash {
            Some(hash) => Self::Hash(hash.clone()),
            None => Self::Ip(ban.subject.clone()),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// `None` if the guard does not exist.
    pub subject: Option<String>,
    pub hash: Option<String>,
    /// `allow`, `challenge` or `deny`: what a call would be told now.
    pub verdict: String,
    pub rule: Option<String>,
    pub retry_after_ms: i64,
    /// The verdict if rules in the mode `observe` were enforced.
    pub would: String,
    pub known_networks: i64,
    pub known_devices: i64,
    pub entries: Vec<Ban>,
    pub challenges: Vec<Challenge>,
    pub counts: Vec<Count>,
}

/// A challenge in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Challenge {
    pub subject: String,
    pub rule: String,
    pub verdict: String,
    pub from_ms: i64,
    pub until_ms: i64,
}

/// How far a rule has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    pub subject: String,
    pub rule: String,
    pub units: i64,
    /// What the rule admits: one more fires it.
    pub count: i64,
    pub window_ms: i64,
    pub strikes: i64,
    /// Until when the rule stays silent; 0 if it does not.
    pub quiet_until_ms: i64,
}

pub async fn why(fleet: &Fleet, guard: &[u8], subject: &Subject) -> Result<Why, Failure> {
    let mut command = cmd("LW.WHY");
    command.arg(guard);
    subject.add_to(&mut command);
    let reply = ask_owner(fleet, guard, &command).await?;
    Record::of(&reply).and_then(|record| read(guard, &record)).ok_or_else(|| unreadable("LW.WHY"))
}

fn read(guard: &[u8], record: &Record) -> Option<Why> {
    Some(Why {
        subject: record.text("subject"),
        hash: record.text("hash"),
        verdict: record.text("verdict")?,
        rule: record.text("rule"),
        retry_after_ms: record.int("retry_after_ms")?,
        would: record.text("would")?,
        known_networks: record.int("known_networks")?,
        known_devices: record.int("known_devices")?,
        entries: record.records("entries").iter().filter_map(|one| Ban::of(guard, one)).collect(),
        challenges: record.records("challenges").iter().filter_map(challenge).collect(),
        counts: record.records("counts").iter().filter_map(count).collect(),
    })
}

fn challenge(record: &Record) -> Option<Challenge> {
    Some(Challenge {
        subject: record.text("subject")?,
        rule: record.text("rule")?,
        verdict: record.text("verdict")?,
        from_ms: record.int("from_ms")?,
        until_ms: record.int("until_ms")?,
    })
}

fn count(record: &Record) -> Option<Count> {
    Some(Count {
        subject: record.text("subject")?,
        rule: record.text("rule")?,
        units: record.int("units")?,
        count: record.int("count")?,
        window_ms: record.int("window_ms")?,
        strikes: record.int("strikes")?,
        quiet_until_ms: record.int("quiet_until_ms")?,
    })
}
