//! Which of two events is newer: the one of the later time. Events of one time have the same order
//! as in Postgres.

use crate::journal::id::Id;

/// The sort key of an event: timestamp, epoch and number, the epoch as a signed number as in
/// Postgres.
pub(crate) type Place = (u64, i64, i64);

pub(crate) fn place(id: Id) -> Place {
    (id.at.0, id.epoch as i64, id.seq as i64)
}
