//! All subjects of a log, from one pass over its events in order of time.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use ipnet::IpNet;

use super::event::{DAY, Event, HOUR, customer};
use super::sketch::hash_of;
use super::subject::{Habit, Hours, Subject, hour_of_day};

/// The bounds of a census.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Subjects of each sort that are kept, at most.
    pub(super) subjects: usize,
    /// Subjects with fewer calls are not compared, so they are the first to go.
    pub(super) least_calls: u32,
}

pub(super) struct Census {
    pub(super) users: HashMap<Vec<u8>, Subject>,
    pub(super) addresses: HashMap<IpNet, Subject>,
    habits: HashMap<Vec<u8>, Habit>,
    bounds: Bounds,
    /// When room was last made for new subjects.
    cleared_ms: i64,
    pub(super) totals: Totals,
}

/// Counts of the whole log.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) hours: Hours,
    /// Calls of subjects for which there was no room.
    pub(super) left_out: u64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

impl Census {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            users: HashMap::new(),
            addresses: HashMap::new(),
            habits: HashMap::new(),
            bounds,
            cleared_ms: i64::MIN,
            totals: Totals::default(),
        }
    }

    /// Adds an event, which must not be older than the last one. `is_excluded` says that its
    /// address is not to be compared; the event still counts for its user.
    pub(super) fn add(&mut self, event: &Event, is_excluded: bool) {
        self.totals.add(event);
        if event.is_housekeeping() {
            return;
        }
        self.make_room(event.ms);
        let is_out_of_habit = self.is_out_of_habit(event);
        let most = self.bounds.subjects;
        let address = event.ip.map(customer);
        let mut is_left_out = false;
        if let Some(user) = event.user {
            let other = address.map(|address| hash_of(&address));
            match entry(&mut self.users, user, most) {
                Some(subject) => subject.add_of_user(event, other, is_out_of_habit),
                None => is_left_out = true,
            }
        }
        if let Some(address) = address.filter(|_| !is_excluded) {
            let other = event.user.map(|user| hash_of(&user));
            match entry(&mut self.addresses, &address, most) {
                Some(subject) => subject.add_of_address(event, other, is_out_of_habit),
                None => is_left_out = true,
            }
        }
        self.totals.left_out += u64::from(is_left_out);
    }

    fn is_out_of_habit(&mut self, event: &Event) -> bool {
        let (Some(user), Some(ip)) = (event.user, event.ip) else { return false };
        if event.has_failed() || !event.is_call() {
            return false;
        }
        entry(&mut self.habits, user, self.bounds.subjects).is_some_and(|habit| habit.add(event.ms, ip))
    }

    /// Forgets subjects with few calls that were not seen for a day, if there is no room for new
    /// ones. So made-up names can't keep those out that come later. At most once for an hour of the
    /// log, because it looks at all.
    fn make_room(&mut self, ms: i64) {
        let most = self.bounds.subjects;
        let is_full = self.users.len() >= most || self.addresses.len() >= most || self.habits.len() >= most;
        if !is_full || ms < self.cleared_ms.saturating_add(HOUR) {
            return;
        }
        self.cleared_ms = ms;
        let least = self.bounds.least_calls;
        let matters = |subject: &Subject| subject.calls >= least || ms - subject.last_ms < DAY;
        self.users.retain(|_, subject| matters(subject));
        self.addresses.retain(|_, subject| matters(subject));
        let kept: HashSet<&[u8]> = self.users.keys().map(Vec::as_slice).collect();
        self.habits.retain(|user, _| kept.contains(user.as_slice()));
    }
}

impl Totals {
    fn add(&mut self, event: &Event) {
        if self.events == 0 {
            self.first_ms = event.ms;
        }
        self.last_ms = event.ms;
        self.events += 1;
        if event.is_call() && !event.is_housekeeping() {
            self.calls += 1;
            self.failures += u64::from(event.has_failed());
            let hour = &mut self.hours[hour_of_day(event.ms)];
            *hour = hour.saturating_add(1);
        }
    }
}

/// The value of `key`, which is added if there is room.
fn entry<'a, K, Q, V>(map: &'a mut HashMap<K, V>, key: &Q, most: usize) -> Option<&'a mut V>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    V: Default,
{
    if !map.contains_key(key) {
        if map.len() >= most {
            return None;
        }
        map.insert(key.to_owned(), V::default());
    }
    map.get_mut(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_do_not_keep_out_those_who_come_later() {
        let mut census = Census::new(Bounds { subjects: 100, least_calls: 5 });
        let mut add = |ms: i64, user: &str| {
            let event = Event { ms, kind: "request", user: Some(user.as_bytes()), ..Event::default() };
            census.add(&event, false);
        };
        (0..10).for_each(|call| add(call, "regular"));
        (0..500).for_each(|n| add(HOUR + n, &format!("made-up-{n}")));
        (0..10).for_each(|call| add(2 * DAY + call, "late"));
        assert_eq!(census.totals.left_out, 500 - 99);
        assert_eq!(census.users.len(), 2);
        assert_eq!(census.users[&b"late"[..]].calls, 10);
    }

    #[test]
    fn an_excluded_address_is_not_a_subject_but_its_user_is() {
        let mut census = Census::new(Bounds { subjects: 10, least_calls: 1 });
        let ip = "203.0.113.9".parse().ok();
        let event = Event { kind: "request", user: Some(b"\xff"), ip, ..Event::default() };
        census.add(&event, true);
        census.add(&Event { kind: "gap", ..Event::default() }, false);
        assert_eq!((census.users.len(), census.addresses.len()), (1, 0));
        assert_eq!((census.totals.events, census.totals.calls), (2, 1));
    }
}
