//! Which of two events is newer: that of the later time; of one time, an order that is the same in Postgres.

use crate::journal::id::Id;

/// An event's place in the log, as Postgres orders it: timestamp, epoch and number, where the epoch is a signed number.
pub type Place = (u64, i64, i64);

/// The place of an event.
pub fn place(id: Id) -> Place {
    (id.at.0, id.epoch as i64, id.seq as i64)
}
