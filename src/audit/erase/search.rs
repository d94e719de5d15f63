//! Finds the events of a user in the queue and in the dead letters.

use crate::journal::queue::Queue;
use crate::outbox::state::Outbox;

use super::super::entry::Entry;
use super::super::ledger::Ledger;

/// The maximum number of events that are removed before the event loop sleeps once.
pub(crate) const PORTION: u64 = 1000;

/// Sequence numbers, the first and the last.
pub(crate) type Range = (u64, u64);

/// The numbers up to `through` of the events of `user` that the queue holds, in ranges of at most
/// [`PORTION`] successive numbers.
///
/// A number between two events of the user that the queue does not hold ends a range: a dead letter
/// with that number may come back.
pub(crate) fn in_queue(queue: &Queue<Entry>, user: &str, through: u64) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for (id, entry) in queue.iter().take_while(|(id, _)| id.seq <= through) {
        if entry.fields().user != Some(user) {
            continue;
        }
        match ranges.last_mut() {
            Some((first, last)) if *last + 1 == id.seq && id.seq - *first < PORTION => *last = id.seq,
            _ => ranges.push((id.seq, id.seq)),
        }
    }
    ranges
}

/// The numbers up to `through` of the dead letters of `user`.
pub(crate) fn in_dead_letters(outbox: &Outbox<Ledger>, user: &str, through: u64) -> Vec<u64> {
    let letters = outbox.dead().iter().filter(|letter| letter.id.seq <= through);
    let theirs = letters.filter(|letter| letter.entry.fields().user == Some(user));
    theirs.map(|letter| letter.id.seq).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::entry::Fields;
    use crate::text::time::Timestamp;

    fn queue_of(users: &[Option<u8>]) -> Queue<Entry> {
        let mut queue = Queue::new();
        for user in users {
            let user = user.map(|user| user.to_string());
            let entry = Entry::new(&Fields { user: user.as_deref(), ..Fields::default() });
            let id = queue.next_id(Timestamp(1));
            queue.append(id, entry);
        }
        queue
    }

    proptest! {
        #[test]
        fn the_ranges_hold_the_events_of_the_user_and_no_other(
            users in prop::collection::vec(prop::option::of(0_u8..3), 0..400),
            gone in prop::collection::vec(0_usize..400, 0..40),
            through in 0_u64..420,
        ) {
            let mut queue = queue_of(&users);
            gone.iter().for_each(|seq| drop(queue.remove(*seq as u64)));
            let wanted: Vec<u64> = queue
                .iter()
                .filter(|(id, entry)| id.seq <= through && entry.fields().user == Some("1"))
                .map(|(id, _)| id.seq)
                .collect();
            let ranges = in_queue(&queue, "1", through);
            let found: Vec<u64> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_range_is_no_longer_than_a_portion() {
        let queue = queue_of(&[Some(1); 2500]);
        assert_eq!(in_queue(&queue, "1", u64::MAX), [(1, 1000), (1001, 2000), (2001, 2500)]);
    }
}
