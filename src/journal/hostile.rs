//! Saved queues that are damaged, or that someone made up: refused, or sound in every way.

use proptest::prelude::*;

use super::id::Id;
use super::model::{Model, NOW, Note, is_compact};
use super::queue::Queue;

/// A saved queue, its numbers with gaps, as after removals.
fn saved() -> impl Strategy<Value = Vec<u8>> {
    let step = (1_u64..4, 0_usize..6, any::<u64>());
    prop::collection::vec(step, 0..40).prop_map(|steps| {
        let mut queue = Queue::new();
        for (gap, size, epoch) in steps {
            queue.begin_epoch(epoch);
            let next = queue.next_id(NOW);
            assert!(queue.append(Id { seq: next.seq + gap, ..next }, Note("x".repeat(size))));
        }
        postcard::to_stdvec(&queue).unwrap()
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Truncate(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let byte = || prop_oneof![Just(0_u8), Just(0xff), Just(0x80), any::<u8>()];
    prop_oneof![
        4 => (at(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        2 => (at(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        2 => at().prop_map(Damage::Delete),
        1 => at().prop_map(Damage::Truncate),
        1 => (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let len = bytes.len();
        if len == 0 {
            break;
        }
        match damage {
            Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            Damage::Delete(at) => {
                bytes.remove(at.index(len));
            }
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                bytes.extend_from_within(from.min(to)..from.max(to));
            }
        }
    }
    bytes
}

/// Loads `bytes`; what loads must be sound, and able to go on.
fn load(bytes: &[u8]) {
    let Ok(mut queue) = postcard::from_bytes::<Queue<Note>>(bytes) else { return };
    let mut model = Model::default();
    for (id, note) in queue.iter() {
        assert!(model.append(id, (**note).clone()), "not in ascending order");
        assert_eq!(Id::parse(id.to_string().as_bytes()), Some(id));
    }
    assert!(queue.back().map_or(0, |(id, _)| id.seq) <= queue.last_seq());
    is_compact(&queue);
    if queue.last_seq() < Id::MAX_SEQ {
        let next = queue.next_id(NOW);
        assert!(queue.append(next, Note(String::new())) && model.append(next, Note(String::new())));
        model.is_equal_to(&queue);
    }
    let again: Queue<Note> = postcard::from_bytes(&postcard::to_stdvec(&queue).unwrap()).unwrap();
    assert!(again.iter().eq(queue.iter()) && again.last_seq() == queue.last_seq());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_damaged_queue_is_refused_or_sound(
        saved in saved(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        load(&damaged(saved, &damages));
    }

    #[test]
    fn random_bytes_are_refused_or_sound(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load(&bytes);
    }

    #[test]
    fn made_up_numbers_are_refused_or_sound(
        last_seq in prop_oneof![0_u64..12, Just(Id::MAX_SEQ), any::<u64>()],
        events in prop::collection::vec((0_u64..3, any::<u64>(), 0_u64..10, ".{0,3}"), 0..4),
    ) {
        let ascending = events.iter().map(|event| event.2).is_sorted_by(|a, b| a < b);
        let highest = events.iter().map(|event| event.2).max().unwrap_or(0);
        let unnumbered = events.iter().any(|event| event.2 == 0);
        let sound = ascending && !unnumbered && (highest..=Id::MAX_SEQ).contains(&last_seq);
        let bytes = postcard::to_stdvec(&(last_seq, events)).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Queue<Note>>(&bytes).is_ok(), sound);
        load(&bytes);
    }
}

#[test]
fn a_number_of_events_is_not_believed() {
    // The last number is 1, and then 2^64-1 events are announced.
    let mut bytes = vec![1];
    bytes.extend_from_slice(&[0xff; 9]);
    bytes.push(1);
    assert!(postcard::from_bytes::<Queue<Note>>(&bytes).is_err());
}

#[test]
fn the_saved_form_stays_what_it_is() {
    let mut queue = Queue::new();
    queue.begin_epoch(0x1234);
    assert!(queue.append(queue.next_id(NOW), Note("left".into())));
    assert!(queue.append(queue.next_id(NOW), Note("kept".into())));
    queue.pop_front();
    let form = postcard::to_stdvec(&(2_u64, 1_usize, (NOW.0, 0x1234_u64, 2_u64), "kept")).unwrap();
    assert_eq!(postcard::to_stdvec(&queue).unwrap(), form);
    assert_eq!(form[..2], [2, 1]);
}
