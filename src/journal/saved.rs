//! A queue as bytes, for the RDB and a rewritten AOF; and back, from bytes that may be damaged or hostile.
//!
//! The form: the last sequence number, the number of events, then each id and event. The epoch is not in it: whoever
//! loads the bytes may not be the only one to do so, and begins one of its own.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::Id;
use super::queue::{Event, Queue};

impl<E: Event + Serialize> Serialize for Queue<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.last_seq())?;
        pair.serialize_element(&Events(self))?;
        pair.end()
    }
}

/// The events of a queue that is being saved.
struct Events<'a, E>(&'a Queue<E>);

impl<E: Event + Serialize> Serialize for Events<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut events = serializer.serialize_seq(Some(self.0.len()))?;
        for (id, event) in self.0.iter() {
            events.serialize_element(&(id, &**event))?;
        }
        events.end()
    }
}

impl<'de, E: Event + Deserialize<'de>> Deserialize<'de> for Queue<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(2, Pair(PhantomData))
    }
}

/// Reads the last sequence number and the events.
struct Pair<E>(PhantomData<E>);

impl<'de, E: Event + Deserialize<'de>> Visitor<'de> for Pair<E> {
    type Value = Queue<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence number and events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Self::Value, A::Error> {
        let last_seq = pair.next_element::<u64>()?.ok_or_else(|| Error::invalid_length(0, &self))?;
        let mut queue =
            pair.next_element_seed(Fill(PhantomData))?.ok_or_else(|| Error::invalid_length(1, &self))?;
        if !queue.raise_last_seq(last_seq) {
            return Err(Error::custom("the last sequence number is not the highest, or too high"));
        }
        Ok(queue)
    }
}

/// Reads the events into a queue, one at a time: how many are announced is the sender's word.
struct Fill<E>(PhantomData<E>);

impl<'de, E: Event + Deserialize<'de>> DeserializeSeed<'de> for Fill<E> {
    type Value = Queue<E>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, E: Event + Deserialize<'de>> Visitor<'de> for Fill<E> {
    type Value = Queue<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events in ascending order")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<Self::Value, A::Error> {
        let mut queue = Queue::new();
        while let Some((id, event)) = events.next_element::<(Id, E)>()? {
            if !queue.append(id, event) {
                return Err(Error::custom("the events are not in ascending order"));
            }
        }
        Ok(queue)
    }
}
