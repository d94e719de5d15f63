//! Writes all leases of a key in pieces for the RDB and DUMP, and reads them back from bytes that
//! may be damaged or hostile.
//!
//! Version 1: the first piece is the byte 1, the header and the number of leases. Each further
//! piece is the byte 1 and up to [`BATCH`] leases, in the order of their fences. Values are in
//! postcard's format.

use std::ops::Deref;

use crate::journal::wire;
use crate::text::time::Timestamp;

use super::id::Fence;
use super::leases::{Header, Lease, Leases, MOST};

const VERSION: u8 = 1;

const BATCH: usize = 500;

pub(super) type Batch<'a> = [(Fence, &'a Lease)];

/// Writes all leases. Equal values give equal pieces.
pub(super) fn write(leases: &Leases, write: &mut dyn FnMut(&[u8])) {
    write(&wire::write(VERSION, &(leases.header(), leases.len() as u64)));
    batches(leases, &mut |batch| write(&wire::write(VERSION, &batch)));
}

/// Passes the leases on in batches.
pub(super) fn batches(leases: &Leases, give: &mut dyn FnMut(&Batch<'_>)) {
    let mut batch = Vec::with_capacity(BATCH.min(leases.len()));
    for lease in leases.iter() {
        batch.push(lease);
        if batch.len() == BATCH {
            give(&batch);
            batch.clear();
        }
    }
    if !batch.is_empty() {
        give(&batch);
    }
}

/// Reads leases from their first piece and those that `more` returns.
pub(super) fn read<P: Deref<Target = [u8]>>(
    first: &[u8],
    more: &mut dyn FnMut() -> Option<P>,
) -> Result<Leases, &'static str> {
    let (header, count): (Header, u64) = versioned(first)?;
    if count == 0 || count > MOST as u64 || header.fence > Fence::LAST || header.at >= Timestamp::NEVER {
        return Err("it is damaged");
    }
    let mut leases = Leases::of(header);
    while (leases.len() as u64) < count {
        let piece = more().ok_or("the stream is cut short")?;
        let batch: Vec<(Fence, Lease)> = versioned(&piece)?;
        let left = count - leases.len() as u64;
        let is_bounded = !batch.is_empty() && batch.len() <= BATCH && batch.len() as u64 <= left;
        if !is_bounded || !batch.iter().all(|(fence, lease)| leases.add(*fence, lease)) {
            return Err("it is damaged");
        }
    }
    Ok(leases)
}

fn versioned<'a, T: serde::Deserialize<'a>>(piece: &'a [u8]) -> Result<T, &'static str> {
    match piece.split_first() {
        Some((&VERSION, rest)) => wire::read(rest).ok_or("it is damaged"),
        Some(_) => Err("it was written by a newer version of lockwatch"),
        None => Err("it is empty"),
    }
}
