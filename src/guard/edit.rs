//! Changes a guard on the primary, within its budgets, and knows what was changed.
//!
//! A decision changes the guard through an [`Edit`], which notes the subjects that it touches. At
//! the end [`Edit::finish`] makes the step that replicas apply: the new state of each of them.

mod room;

use smallvec::SmallVec;

use crate::text::time::{Span, Timestamp};

use super::address::Place;
use super::bans::{BanKey, Entry, Source};
use super::event::Subject;
use super::hash::Hash;
use super::known::Known;
use super::ruleset::GuardRules;
use super::state::State;
use super::step::{Change, ChangeOf, Open, Step};
use super::subject::Who;
use super::table::HeapSize;
use super::value::{Guard, Header, Pulse};
pub(crate) use room::count_of;
use room::{Room, change_existing, change_state, distinct, touch};

/// How many ended subjects a change looks for when it adds one.
const SWEEP: usize = 4;
/// How many times room is looked for before a subject is not added.
const TRIES: usize = 8;
/// How many entries are looked at to make room for a ban.
const ENDED_BANS: usize = 16;
/// A guard lives for so long after its last change even if nothing in it matters any longer: its
/// age does, because a young guard bans nobody, and so do its averages.
const IDLE: Span = Span(30 * 86_400_000);
/// The key's expiry is later than needed by up to this time, so that few calls set it.
const SLACK: u64 = 3_600_000;

/// What an edit reads besides the guard.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// `guard-max-bytes`.
    pub max_bytes: usize,
    /// False above `maxmemory`: what exists changes, and nothing is added.
    pub may_create: bool,
}

impl Limits {
    /// The budgets never take from each other. The bans have an eighth, which their number bounds.
    fn of_known(&self) -> usize {
        self.max_bytes / 4
    }

    fn of_counters(&self) -> usize {
        self.max_bytes / 16 * 5
    }

    fn of_bans(&self) -> usize {
        self.max_bytes / 8
    }
}

/// The subjects of one kind that a call has touched: as many as an ordinary call touches without an
/// allocation.
type Touched<K> = SmallVec<[K; 4]>;

pub(crate) struct Edit<'a> {
    pub guard: &'a mut Guard,
    pub rules: &'a GuardRules,
    pub now: Timestamp,
    limits: Limits,
    people: Touched<Who>,
    places: Touched<Place>,
    known: Touched<Hash>,
    bans: Touched<BanKey>,
    pulse: bool,
    cap: bool,
    forgets: bool,
    /// How many subjects were not added because memory is short.
    pub refused: u64,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(guard: &'a mut Guard, rules: &'a GuardRules, limits: Limits, now: Timestamp) -> Self {
        Self {
            guard,
            rules,
            now,
            limits,
            people: Touched::new(),
            places: Touched::new(),
            known: Touched::new(),
            bans: Touched::new(),
            pulse: false,
            cap: false,
            forgets: false,
            refused: 0,
        }
    }

    /// Changes what is held about a person. Without an entry, an empty one is added if there is
    /// room. An entry that `act` leaves empty stays until [`Self::tidy`], because a rule that
    /// fires empties its count, and then has more to note.
    pub(crate) fn person<R>(&mut self, who: Who, act: impl FnOnce(&mut State) -> R) -> Option<R> {
        let rules = self.rules;
        let count = move |_: &Who| move |tag| count_of(rules, tag, false);
        let room =
            Room { most: self.limits.of_counters(), may_create: self.limits.may_create, now: self.now };
        let table = &mut self.guard.people;
        change_state(table, who, &mut self.people, &mut self.refused, room, count, act)
    }

    /// Like [`Self::person`], for an address.
    pub(crate) fn place<R>(&mut self, place: Place, act: impl FnOnce(&mut State) -> R) -> Option<R> {
        let rules = self.rules;
        let count = move |place: &Place| {
            let is_wide = place.is_wide();
            move |tag| count_of(rules, tag, is_wide)
        };
        let room =
            Room { most: self.limits.of_counters(), may_create: self.limits.may_create, now: self.now };
        let table = &mut self.guard.places;
        change_state(table, place, &mut self.places, &mut self.refused, room, count, act)
    }

    /// Changes what is held about a person, if anything is.
    pub(crate) fn existing_person<R>(&mut self, who: Who, act: impl FnOnce(&mut State) -> R) -> Option<R> {
        let result = change_existing(&mut self.guard.people, &who, act)?;
        touch(&mut self.people, who);
        Some(result)
    }

    pub(crate) fn existing_place<R>(&mut self, place: Place, act: impl FnOnce(&mut State) -> R) -> Option<R> {
        let result = change_existing(&mut self.guard.places, &place, act)?;
        touch(&mut self.places, place);
        Some(result)
    }

    /// What is held about a subject.
    pub(crate) fn state(&self, subject: Subject) -> Option<&State> {
        match subject {
            Subject::Place(place) => self.guard.places.get(&place),
            Subject::Who(who) => self.guard.people.get(&who),
        }
    }

    /// Changes what is held about a subject: see [`Self::person`].
    pub(crate) fn subject<R>(&mut self, subject: Subject, act: impl FnOnce(&mut State) -> R) -> Option<R> {
        match subject {
            Subject::Place(place) => self.place(place, act),
            Subject::Who(who) => self.person(who, act),
        }
    }

    /// Changes what is held about a subject, if anything is.
    pub(crate) fn existing<R>(&mut self, subject: Subject, act: impl FnOnce(&mut State) -> R) -> Option<R> {
        match subject {
            Subject::Place(place) => self.existing_place(place, act),
            Subject::Who(who) => self.existing_person(who, act),
        }
    }

    /// Removes the entry of a subject if nothing is left in it.
    pub(crate) fn tidy(&mut self, subject: Subject) {
        match subject {
            _ if !self.state(subject).is_some_and(State::is_empty) => {}
            Subject::Place(place) => self.guard.places.set(place, None),
            Subject::Who(who) => self.guard.people.set(who, None),
        }
    }

    pub(crate) fn may_create(&self) -> bool {
        self.limits.may_create
    }

    pub(crate) fn remove_person(&mut self, who: Who) {
        if self.guard.people.contains(&who) {
            self.guard.people.set(who, None);
            touch(&mut self.people, who);
        }
    }

    pub(crate) fn remove_place(&mut self, place: Place) {
        if self.guard.places.contains(&place) {
            self.guard.places.set(place, None);
            touch(&mut self.places, place);
        }
    }

    /// Changes the networks and devices by which a user is known.
    pub(crate) fn known(&mut self, user: Hash, act: impl FnOnce(&mut Known)) {
        if !self.guard.known.contains(&user) && !self.make_room_for_known() {
            self.refused += 1;
            return;
        }
        let mut known = self.guard.known.get(&user).cloned().unwrap_or_default();
        act(&mut known);
        self.guard.known.set(user, Some(known));
        touch(&mut self.known, user);
    }

    pub(crate) fn forget_known(&mut self, user: Hash) {
        if self.guard.known.contains(&user) {
            self.guard.known.set(user, None);
            touch(&mut self.known, user);
        }
    }

    /// Forgets all addresses, people and known users.
    pub(crate) fn forget_all(&mut self) {
        self.guard.forget();
        self.people.clear();
        self.places.clear();
        self.known.clear();
        self.forgets = true;
    }

    /// The least recently used of a few goes where the budget is used up.
    fn make_room_for_known(&mut self) -> bool {
        if !self.limits.may_create {
            return false;
        }
        let now = self.now;
        for _ in 0..TRIES {
            let table = &mut self.guard.known;
            let is_full = table.size() > self.limits.of_known();
            let looked_at = if is_full { usize::MAX } else { SWEEP };
            let (ended, oldest) =
                table.candidates(looked_at, |_, known| (known.ends() > now).then(|| known.used()));
            let oldest = oldest.map(|(_, user)| user).filter(|_| is_full && ended.is_empty());
            for user in ended.into_iter().chain(oldest) {
                self.forget_known(user);
            }
            if !is_full {
                return true;
            }
        }
        self.guard.known.size() <= self.limits.of_known()
    }

    /// Sets an entry, unless there is no room even after ended ones were removed.
    pub(crate) fn set_ban(&mut self, key: BanKey, entry: Entry) -> bool {
        let is_new = self.guard.bans.get(&key).is_none();
        if is_new && !self.has_room_for_ban(key.1, entry.heap_size()) {
            return false;
        }
        self.guard.bans.set(key, Some(entry));
        touch(&mut self.bans, key);
        true
    }

    /// Whether there is room for another entry, after some of those that have ended were removed.
    pub(crate) fn has_room_for_ban(&mut self, source: Source, size: usize) -> bool {
        if !self.limits.may_create {
            return false;
        }
        let most = self.limits.of_bans();
        for _ in 0..TRIES {
            let was_full = self.guard.bans.is_full(source, size, most);
            let ended = self.guard.bans.ended(if was_full { ENDED_BANS } else { SWEEP }, self.now);
            ended.into_iter().for_each(|key| self.remove_ban(key));
            if !was_full {
                return true;
            }
        }
        !self.guard.bans.is_full(source, size, most)
    }

    pub(crate) fn remove_ban(&mut self, key: BanKey) {
        if self.guard.bans.get(&key).is_some() {
            self.guard.bans.set(key, None);
            touch(&mut self.bans, key);
        }
    }

    /// Changes the counts of the guard as a whole.
    pub(crate) fn pulse<R>(&mut self, act: impl FnOnce(&mut Pulse) -> R) -> R {
        self.pulse = true;
        act(&mut self.guard.pulse)
    }

    /// Counts a new ban in `network`, and returns whether it is within the cap.
    pub(crate) fn is_within_cap(&mut self, network: u64) -> bool {
        self.cap = true;
        self.guard.cap.admit(network, self.now)
    }

    /// Whether anything was changed.
    pub(crate) fn is_changed(&self) -> bool {
        self.pulse
            || self.cap
            || self.forgets
            || !(self.people.is_empty()
                && self.places.is_empty()
                && self.known.is_empty()
                && self.bans.is_empty())
    }

    /// The step that makes every copy equal to the guard, if anything was changed.
    pub(crate) fn finish(mut self) -> Option<Step<ChangeOf<'a>>> {
        if !self.is_changed() {
            return None;
        }
        let is_new = self.guard.header.seq == 0;
        distinct(&mut self.people);
        distinct(&mut self.places);
        distinct(&mut self.known);
        distinct(&mut self.bans);
        self.extend_life();
        self.guard.header.seq = self.guard.header.seq.wrapping_add(1).max(1);
        let guard: &'a Guard = self.guard;
        let Header { seq, until, hash_key, created } = guard.header;
        let subjects = self.people.len() + self.places.len() + self.known.len() + self.bans.len();
        let mut changes = Vec::with_capacity(subjects + 3);
        changes.extend(self.forgets.then_some(Change::Forget));
        changes.extend(self.people.iter().map(|who| Change::Person(*who, guard.people.get(who))));
        changes.extend(self.places.iter().map(|place| Change::Place(*place, guard.places.get(place))));
        changes.extend(self.known.iter().map(|user| Change::Known(*user, guard.known.get(user))));
        changes.extend(self.bans.iter().map(|key| Change::Ban(*key, guard.bans.get(key))));
        changes.extend(self.pulse.then_some(Change::Pulse(&guard.pulse)));
        changes.extend(self.cap.then_some(Change::Cap(&guard.cap)));
        Some(Step { seq, open: is_new.then_some(Open { hash_key, created }), changes, until })
    }

    /// Has the key expire when nothing that was changed matters any longer, if that is later.
    fn extend_life(&mut self) {
        let rules = self.rules;
        let guard = &*self.guard;
        let states = |is_wide| move |tag| count_of(rules, tag, is_wide);
        let people = self.people.iter().filter_map(|who| Some(guard.people.get(who)?.ends(states(false))));
        let places = self.places.iter().filter_map(|place| {
            let ends = guard.places.get(place)?.ends(states(place.is_wide()));
            Some(ends)
        });
        let known = self.known.iter().filter_map(|user| Some(guard.known.get(user)?.ends()));
        let bans = self.bans.iter().filter_map(|key| Some(guard.bans.get(key)?.until));
        let ends = people.chain(places).chain(known).chain(bans).max();
        let needed = ends.unwrap_or(Timestamp(0)).max(self.now + IDLE);
        if needed > self.guard.header.until {
            let rounded = Timestamp(needed.0.saturating_add(SLACK) / SLACK * SLACK);
            // Only a guard from a damaged or hostile file has later ends, and replicas refuse
            // those.
            self.guard.header.until = rounded.min(Timestamp::NEVER + Span::MAX);
        }
    }
}
