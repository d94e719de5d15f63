//! The keys that were denied most often lately: LW.TOP.

use redis::cmd;

use super::gathered::{Gathered, ask_primaries};
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

#[derive(Clone, Debug, PartialEq)]
pub struct TopKey {
    pub node: String,
    pub db: i64,
    /// The first 256 bytes of a longer one.
    pub key: Vec<u8>,
    /// Denied calls, of which an older one counts less: half after five minutes.
    pub denied: i64,
    /// By how much `denied` may be too high.
    pub error: i64,
    pub last_ms: i64,
    /// The policy that denied the last call; `None` for limits in the call itself.
    pub policy: Option<String>,
}

/// The `count` keys with the most denials over all primaries.
pub async fn top_keys(fleet: &Fleet, count: usize) -> Gathered<TopKey> {
    let mut gathered = Gathered::default();
    for (node, answer) in ask_primaries(fleet, cmd("LW.TOP").arg("COUNT").arg(count)).await {
        let keys = answer.map(|reply| {
            reply::records(&reply).iter().filter_map(|one| top_key(&node.name(), one)).collect::<Vec<_>>()
        });
        gathered.absorb(&node, keys, Vec::extend);
    }
    gathered.items.sort_by(|a, b| (b.denied, b.last_ms, &a.key).cmp(&(a.denied, a.last_ms, &b.key)));
    gathered.items.truncate(count);
    gathered
}

fn top_key(node: &str, record: &Record) -> Option<TopKey> {
    Some(TopKey {
        node: node.to_owned(),
        db: record.int("db")?,
        key: record.bytes("key")?.to_vec(),
        denied: record.int("denied")?,
        error: record.int("error")?,
        last_ms: record.int("last_ms")?,
        policy: record.text("policy"),
    })
}
