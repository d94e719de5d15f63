//! What the servers say about subjects: who is never banned, who is allowed, who is denied already.

use anyhow::Result;
use ipnet::IpNet;
use redis::cmd;

use super::name::Name;
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::connect::options::Options;
use crate::facts::bans::{List, bans};
use crate::facts::why::why;
use crate::reply;

/// Allow entries of a guard that are read. A guard holds at most this many.
const MOST: usize = 10_000;

pub(super) struct Standing {
    fleet: Fleet,
    guard: Vec<u8>,
}

impl Standing {
    pub(super) async fn connect(connection: &Options, guard: &str) -> Result<Self> {
        Ok(Self { fleet: Fleet::connect(connection).await?, guard: guard.as_bytes().to_vec() })
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The addresses that `guard-never-ban` and allow entries name.
    pub(super) async fn left_out(&self) -> Result<Vec<IpNet>, Failure> {
        let mut blocks = self.never_banned().await?;
        let allowed = bans(&self.fleet, std::slice::from_ref(&self.guard), List::Allowed, MOST).await;
        if let Some((_, why)) = allowed.failures.into_iter().next() {
            return Err(why);
        }
        blocks.extend(allowed.items.iter().filter_map(|entry| block(&entry.subject)));
        Ok(blocks)
    }

    async fn never_banned(&self) -> Result<Vec<IpNet>, Failure> {
        let node = self.fleet.primary_of(&self.guard)?;
        let answer = node.read(cmd("CONFIG").arg("GET").arg("lockwatch.guard-never-ban")).await?;
        let values: Vec<String> = match &answer {
            redis::Value::Map(pairs) => pairs.iter().filter_map(|(_, value)| reply::text(value)).collect(),
            other => reply::items(other).iter().skip(1).filter_map(reply::text).collect(),
        };
        Ok(values.iter().flat_map(|value| value.split_whitespace()).filter_map(block).collect())
    }

    /// Whether an allow entry is in force for the subject, and what the guard would tell it now if
    /// that is not "allow".
    pub(super) async fn of(&self, name: &Name) -> Result<(bool, Option<String>), Failure> {
        let why = why(&self.fleet, &self.guard, &name.as_subject()).await?;
        let is_allowed = why.entries.iter().any(|entry| entry.source == "allow");
        let now = (why.verdict != "allow").then(|| match &why.rule {
            Some(rule) => format!("{} by {rule}", why.verdict),
            None => why.verdict.clone(),
        });
        Ok((is_allowed, now))
    }
}

/// A block, or an address as the block of itself.
fn block(text: &str) -> Option<IpNet> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    address.or_else(|| text.parse().ok())
}
