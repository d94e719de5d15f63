//! Writes a whole store in pieces for the RDB and DUMP, and reads it back from bytes that may be
//! damaged or hostile.
//!
//! Version 1: the first piece is the byte 1 and the number of sessions. Each further piece holds up
//! to [`BATCH`] sessions, in the order of their ids.

use std::ops::Deref;

use crate::journal::wire;

use super::id::SessionId;
use super::session::Session;
use super::store::Store;

const VERSION: u8 = 1;

pub(crate) type Batch<'a> = [(SessionId, &'a Session)];

pub(crate) const BATCH: usize = 500;

/// Writes a store. Equal stores give equal pieces.
pub(crate) fn write(store: &Store, write: &mut dyn FnMut(&[u8])) {
    write(&wire::write(VERSION, &(store.len() as u64)));
    batches(store, &mut |batch| write(&wire::write(VERSION, &batch)));
}

/// Passes the sessions of a store on in batches.
pub(crate) fn batches(store: &Store, give: &mut dyn FnMut(&Batch<'_>)) {
    let mut batch = Vec::with_capacity(BATCH.min(store.len()));
    for session in store.iter() {
        batch.push(session);
        if batch.len() == BATCH {
            give(&batch);
            batch.clear();
        }
    }
    if !batch.is_empty() {
        give(&batch);
    }
}

/// Reads a store from its first piece and those that `more` returns.
pub(crate) fn read<P: Deref<Target = [u8]>>(
    first: &[u8],
    more: &mut dyn FnMut() -> Option<P>,
) -> Result<Store, &'static str> {
    let count: u64 = versioned(first)?;
    if count == 0 {
        return Err("it is empty");
    }
    let mut store = Store::default();
    while (store.len() as u64) < count {
        let piece = more().ok_or("the stream is cut short")?;
        let batch: Vec<(SessionId, Box<Session>)> = versioned(&piece)?;
        let left = count - store.len() as u64;
        if batch.is_empty() || batch.len() > BATCH || batch.len() as u64 > left {
            return Err("it is damaged");
        }
        fill(&mut store, batch)?;
    }
    Ok(store)
}

fn versioned<'a, T: serde::Deserialize<'a>>(piece: &'a [u8]) -> Result<T, &'static str> {
    match piece.split_first() {
        Some((&VERSION, rest)) => wire::read(rest).ok_or("it is damaged"),
        Some(_) => Err("it was written by a newer version of lockwatch"),
        None => Err("it is empty"),
    }
}

/// Adds sessions if all of them are sound.
fn fill(store: &mut Store, sessions: Vec<(SessionId, Box<Session>)>) -> Result<(), &'static str> {
    for (id, session) in sessions {
        if !session.is_sound() || store.get(id).is_some() {
            return Err("it holds a session that can't be");
        }
        store.insert(id, session);
    }
    Ok(())
}
