//! One key: LW.INSPECT, and what remains of a policy by LW.PEEK.

use redis::{Value, cmd};

use super::gathered::{ask_owner, unreadable};
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

/// What a key of any type of lockwatch holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// `limiter`, `burst`, `leases`, `tokens` or `guard`.
    pub kind: String,
    pub bytes: i64,
    pub entries: i64,
    /// When the key expires; `None` if it does not.
    pub expires_ms: Option<i64>,
    /// The windows that a limiter or burst remembers, the shortest first.
    pub windows: Vec<WindowUse>,
    /// The other numbers, such as `sessions` or `bans`, by name.
    pub counts: Vec<(String, i64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WindowUse {
    pub window_ms: i64,
    pub used: i64,
    pub first_free_ms: i64,
    pub reset_ms: i64,
}

/// What remains of a policy's limits for a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Peeked {
    pub limit: i64,
    pub remaining: i64,
    pub reset_after_ms: i64,
    /// The limits that apply, each with its window in milliseconds.
    pub limits: Vec<(i64, i64)>,
    pub shadow: bool,
    /// The subject of the override that the limits come from.
    pub override_for: Option<String>,
}

/// `None` if there is no such key.
pub async fn inspect(fleet: &Fleet, key: &[u8]) -> Result<Option<Inspected>, Failure> {
    let reply = ask_owner(fleet, key, cmd("LW.INSPECT").arg(key)).await?;
    if reply == Value::Nil {
        return Ok(None);
    }
    let inspected = Record::of(&reply).and_then(|record| inspected(&record));
    inspected.map(Some).ok_or_else(|| unreadable("LW.INSPECT"))
}

fn inspected(record: &Record) -> Option<Inspected> {
    let shown = ["bytes", "entries", "expires_ms"];
    let others = record.fields().filter(|(name, _)| !shown.contains(name));
    Some(Inspected {
        kind: record.text("type")?,
        bytes: record.int("bytes")?,
        entries: record.int("entries")?,
        expires_ms: record.int("expires_ms").filter(|ms| *ms >= 0),
        windows: record.records("windows").iter().filter_map(window).collect(),
        counts: others.filter_map(|(name, value)| Some((name.to_owned(), number(value)?))).collect(),
    })
}

fn window(record: &Record) -> Option<WindowUse> {
    Some(WindowUse {
        window_ms: record.int("window_ms")?,
        used: record.int("used")?,
        first_free_ms: record.int("first_free_ms")?,
        reset_ms: record.int("reset_ms")?,
    })
}

fn number(value: &Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}

/// What `policy` says of `key`. Records nothing.
pub async fn peek(fleet: &Fleet, key: &[u8], policy: &str) -> Result<Peeked, Failure> {
    let name = format!("@{policy}");
    let reply = ask_owner(fleet, key, cmd("LW.PEEK").arg(key).arg(name).arg("COST").arg(0)).await?;
    let numbers: Vec<i64> = reply::items(&reply).iter().filter_map(reply::int).collect();
    let [_, limit, remaining, _, reset_after_ms] = numbers[..] else { return Err(unreadable("LW.PEEK")) };
    let which = cmd("LW.POLICY").arg("WHICH").arg(policy).arg(key).to_owned();
    let which = Record::of(&ask_owner(fleet, key, &which).await?).ok_or_else(|| unreadable("LW.POLICY"))?;
    let limits = which.get("limits").map(reply::items).unwrap_or_default();
    Ok(Peeked {
        limit,
        remaining,
        reset_after_ms,
        limits: limits.iter().filter_map(super::policies::limit).collect(),
        shadow: which.int("shadow") == Some(1),
        override_for: which.text("override"),
    })
}
