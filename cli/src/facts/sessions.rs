//! The sessions of a subject: LW.SESSIONS.

use redis::cmd;

use super::gathered::ask_owner;
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: String,
    pub created_at_ms: i64,
    /// When its current tokens were issued.
    pub rotated_at_ms: i64,
    pub expires_at_ms: i64,
    /// The number of its current pair of tokens, from 1.
    pub generation: i64,
    /// META as JSON.
    pub meta: Option<String>,
}

/// The sessions of `subject` in the token store at the key `store`.
pub async fn sessions(fleet: &Fleet, store: &[u8], subject: &[u8]) -> Result<Vec<Session>, Failure> {
    let reply = ask_owner(fleet, store, cmd("LW.SESSIONS").arg(store).arg(subject)).await?;
    Ok(reply::records(&reply).iter().filter_map(session).collect())
}

fn session(record: &Record) -> Option<Session> {
    Some(Session {
        id: record.text("session_id")?,
        created_at_ms: record.int("created_at_ms")?,
        rotated_at_ms: record.int("rotated_at_ms")?,
        expires_at_ms: record.int("expires_at_ms")?,
        generation: record.int("generation")?,
        meta: record.text("meta"),
    })
}
