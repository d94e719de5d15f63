//! Honest people at a login: they mistype, forget passwords, get codes wrong, solve challenges, and
//! some give up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::super::judge::Level;
use super::super::rule::Kind;
use super::super::value::Ask;
use super::generator::Random;
use super::habits::{
    Act, FORGETS, HAS_CODES, NEW, PATIENCE, PAUSE, Person, TYPO, Typed, UNTIL_RESET, WRONG_CODE, WRONG_NAME,
};
use super::site::{DAY, HOUR, MINUTE, SECOND, START, Site, address};
use crate::text::time::{Span, Timestamp};

/// A population.
pub(super) struct People {
    pub number: u32,
    /// How many share an address.
    pub per_address: u32,
    /// Thousandths of those who fail that give up.
    pub give_up: u64,
    /// Whether the application passes digests of passwords on as VALUE.
    pub with_value: bool,
    /// Whether people have a cookie that the application passes on as DEVICE.
    pub with_device: bool,
    pub seed: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub logins: u64,
    /// Logins with a challenge or a denial.
    pub delayed: u64,
    /// Those of the first day.
    pub delayed_first: u64,
    pub challenges: u64,
    pub denials: u64,
    pub completed: u64,
    pub given_up: u64,
    pub resets: u64,
    /// When a login was delayed last.
    pub last_delay: Option<Timestamp>,
}

pub(super) struct World<'a> {
    pub site: Site,
    pub tally: Tally,
    /// When every login fails.
    pub broken: Range<Timestamp>,
    /// The number of the first address.
    pub first_address: u32,
    people: &'a People,
    random: Random,
    persons: Vec<Person>,
    acts: BinaryHeap<Reverse<(Timestamp, u64, u32, Act)>>,
    order: u64,
}

impl<'a> World<'a> {
    pub(super) fn new(people: &'a People, site: Site) -> Self {
        let mut random = Random::new(people.seed);
        let mut person = || Person { has_codes: random.happens(HAS_CODES), ..Person::default() };
        let persons = (0..people.number).map(|_| person()).collect();
        let never = START..START;
        let (tally, acts) = (Tally::default(), BinaryHeap::new());
        Self { site, tally, broken: never, first_address: 1000, people, random, persons, acts, order: 0 }
    }

    /// Working days with logins: most people come between 8:00 and 9:30.
    pub(super) fn work(&mut self, days: Range<u64>) {
        for day in days {
            if day % 7 < 5 {
                self.plan(START + Span(day * DAY));
            }
            self.run_until(START + Span((day + 1) * DAY));
        }
    }

    pub(super) fn plan(&mut self, midnight: Timestamp) {
        for person in 0..self.people.number {
            if self.random.happens(NEW) {
                let generation = self.persons[person as usize].generation + 1;
                self.persons[person as usize] = Person { generation, ..Person::default() };
            }
            let first = 8 * HOUR + self.random.below(HOUR) + self.random.below(HOUR / 2);
            self.push(midnight + Span(first), person, Act::Begin);
            for _ in 0..self.random.between(1, 5) {
                let later = self.random.between(9 * HOUR + HOUR / 2, 18 * HOUR);
                self.push(midnight + Span(later), person, Act::Begin);
            }
        }
    }

    /// Has everybody log in at a random time of `times`.
    pub(super) fn all_log_in(&mut self, times: Range<Timestamp>) {
        for person in 0..self.people.number {
            let at = self.random.between(times.start.0, times.end.0);
            self.push(Timestamp(at), person, Act::Begin);
        }
    }

    fn push(&mut self, at: Timestamp, person: u32, act: Act) {
        self.order += 1;
        self.acts.push(Reverse((at, self.order, person, act)));
    }

    fn push_in(&mut self, span: Range<u64>, person: u32, act: Act) {
        let at = self.site.now + Span(self.random.between(span.start, span.end));
        self.push(at, person, act);
    }

    pub(super) fn run_until(&mut self, end: Timestamp) {
        while let Some(Reverse((at, _, who, act))) = self.acts.peek().copied() {
            if at >= end {
                break;
            }
            self.acts.pop();
            self.site.now = at;
            self.act(who, act);
        }
        self.site.now = end;
    }

    fn act(&mut self, who: u32, act: Act) {
        match act {
            Act::Begin => self.begin(who),
            Act::Submit { typed, nonce, solved } => self.submit(who, typed, nonce, solved),
            Act::Answer { typed, nonce } => self.answer(who, typed, nonce),
            Act::Code => self.code(who),
            Act::Reset => {
                let ask = self.ask(who, Typed::Right, 0);
                self.site.event(&Kind::Reset, &ask);
                self.tally.resets += 1;
                let person = &mut self.persons[who as usize];
                person.has_forgotten = false;
                person.password += 1;
                self.type_in(who, SECOND..20 * SECOND);
            }
        }
    }

    fn begin(&mut self, who: u32) {
        if self.persons[who as usize].is_busy {
            return;
        }
        self.tally.logins += 1;
        let forgets = self.random.happens(FORGETS);
        let person = &mut self.persons[who as usize];
        (person.is_busy, person.is_delayed, person.failures) = (true, false, 0);
        person.has_forgotten |= forgets;
        self.type_in(who, 0..SECOND);
    }

    fn type_in(&mut self, who: u32, span: Range<u64>) {
        let is_typo = self.random.happens(TYPO);
        let typed = match () {
            () if is_typo && self.random.happens(WRONG_NAME) => Typed::WrongName,
            () if is_typo || self.persons[who as usize].has_forgotten => Typed::Wrong,
            () => Typed::Right,
        };
        let nonce = self.random.next();
        self.push_in(span, who, Act::Submit { typed, nonce, solved: false });
    }

    fn submit(&mut self, who: u32, typed: Typed, nonce: u64, solved: bool) {
        let ask = self.ask(who, typed, nonce);
        let verdict = self.site.attempt(&ask, solved).enforced;
        if verdict.level == Level::Allow {
            return self.push_in(200..600, who, Act::Answer { typed, nonce });
        }
        let person = &mut self.persons[who as usize];
        if !std::mem::replace(&mut person.is_delayed, true) {
            self.tally.delayed += 1;
            self.tally.delayed_first += u64::from(self.site.now < START + Span(DAY));
        }
        self.tally.last_delay = Some(self.site.now);
        if verdict.level == Level::Challenge {
            self.tally.challenges += 1;
            return self.push_in(8 * SECOND..30 * SECOND, who, Act::Submit { typed, nonce, solved: true });
        }
        self.tally.denials += 1;
        if verdict.left > Span(30 * MINUTE) || self.gives_up() {
            return self.give_up(who);
        }
        self.type_in(who, verdict.left.0..verdict.left.0 + MINUTE);
    }

    fn answer(&mut self, who: u32, typed: Typed, nonce: u64) {
        let ask = self.ask(who, typed, nonce);
        let is_broken = self.broken.contains(&self.site.now);
        match typed {
            Typed::Right if !is_broken && self.persons[who as usize].has_codes => {
                self.site.event(&Kind::Password, &ask);
                self.push_in(5 * SECOND..30 * SECOND, who, Act::Code);
            }
            Typed::Right if !is_broken => self.succeed(who),
            Typed::WrongName => self.fail(who, &Kind::Unknown, &ask),
            Typed::Right | Typed::Wrong => self.fail(who, &Kind::Failure, &ask),
        }
    }

    fn code(&mut self, who: u32) {
        if !self.random.happens(WRONG_CODE) {
            return self.succeed(who);
        }
        let ask = self.ask(who, Typed::Right, 0);
        self.site.event(&Kind::Mfa, &ask);
        if self.gives_up() {
            return self.give_up(who);
        }
        self.push_in(5 * SECOND..30 * SECOND, who, Act::Code);
    }

    fn succeed(&mut self, who: u32) {
        let ask = self.ask(who, Typed::Right, 0);
        self.site.event(&Kind::Success, &ask);
        self.tally.completed += 1;
        self.persons[who as usize].is_busy = false;
    }

    fn fail(&mut self, who: u32, kind: &Kind, ask: &Ask) {
        self.site.event(kind, ask);
        let person = &mut self.persons[who as usize];
        person.failures += 1;
        let (failures, has_forgotten) = (person.failures, person.has_forgotten);
        if self.gives_up() {
            self.give_up(who);
        } else if has_forgotten && failures >= UNTIL_RESET {
            self.push_in(MINUTE..4 * MINUTE, who, Act::Reset);
        } else if failures % PATIENCE == 0 {
            self.type_in(who, PAUSE..2 * PAUSE);
        } else {
            self.type_in(who, 5 * SECOND..25 * SECOND);
        }
    }

    fn gives_up(&mut self) -> bool {
        self.random.happens(self.people.give_up)
    }

    fn give_up(&mut self, who: u32) {
        self.tally.given_up += 1;
        self.persons[who as usize].is_busy = false;
    }

    fn ask(&self, who: u32, typed: Typed, nonce: u64) -> Ask {
        let person = &self.persons[who as usize];
        let name = match typed {
            Typed::WrongName => format!("typo{nonce}"),
            Typed::Right | Typed::Wrong => format!("person{who}.{}", person.generation),
        };
        let value = match typed {
            Typed::Right | Typed::WrongName => self.site.value(&format!("{who}.{}", person.password)),
            Typed::Wrong => nonce,
        };
        let cookie = format!("{who}.{}", person.generation);
        let device = || self.site.guard.header.hash_key.device(cookie.as_bytes());
        Ask {
            ip: Some(address(self.first_address + who / self.people.per_address)),
            user: Some(self.site.user(&name)),
            value: self.people.with_value.then_some(value),
            device: self.people.with_device.then(device),
            key: None,
        }
    }
}
