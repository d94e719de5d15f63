//! Bounds the passwords that can be tried for one name and from one address.
//!
//! Tries for a name are counted strictly for each network, and loosely from everywhere: else
//! anybody could keep the owner of a name out by wrong tries. Networks from which the owner has
//! signed in are not subject to the loose count.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::secret::{self, Mark};

/// This many tries may be made at once, and one more in each interval.
const TRIES_OF_PAIR: f64 = 10.0;
const TRIES_OF_NAME: f64 = 100.0;
const TRIES_OF_ADDRESS: f64 = 20.0;
const INTERVAL: Duration = Duration::from_secs(30);
/// The most names, addresses and pairs of these that are remembered. In place of one more, the one
/// with the fewest tries is forgotten.
const MOST: usize = 4096;
/// The most names with a network from which they signed in that are remembered.
const MOST_KNOWN: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    /// A name from one network. Of the name only the hash is kept: it can be of any length.
    Pair(Mark, IpAddr),
    /// A name from all networks.
    Name(Mark),
    Address(IpAddr),
}

impl Subject {
    fn capacity(self) -> f64 {
        match self {
            Self::Pair(..) => TRIES_OF_PAIR,
            Self::Name(_) => TRIES_OF_NAME,
            Self::Address(_) => TRIES_OF_ADDRESS,
        }
    }
}

/// How many tries are counted, and when that was.
#[derive(Clone, Copy)]
struct Level {
    tries: f64,
    at: Instant,
}

impl Level {
    fn now(self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tries - passed / INTERVAL.as_secs_f64()).max(0.0)
    }
}

#[derive(Default)]
struct State {
    levels: HashMap<Subject, Level>,
    /// Names with a network from which they signed in, the latest last.
    known: VecDeque<(Mark, IpAddr)>,
}

#[derive(Default)]
pub struct Limiter(Mutex<State>);

impl Limiter {
    /// Counts a try for `name` from `network`, or says how long to wait for the next one.
    pub fn admit(&self, name: &str, network: IpAddr) -> Result<(), Duration> {
        self.admit_at(name, network, Instant::now())
    }

    fn admit_at(&self, name: &str, network: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let subjects = state.subjects(secret::mark(name.as_bytes()), network);
        let levels = &mut state.levels;
        let level = |subject| levels.get(&subject).map_or(0.0, |level: &Level| level.now(now));
        let over = |subject: Subject| level(subject) + 1.0 - subject.capacity();
        let worst = subjects.iter().copied().map(over).fold(0.0, f64::max);
        if worst > 0.0 {
            return Err(INTERVAL.mul_f64(worst));
        }
        for subject in subjects {
            let tries = levels.get(&subject).map_or(0.0, |level| level.now(now)) + 1.0;
            make_room(levels, subject, now);
            levels.insert(subject, Level { tries, at: now });
        }
        Ok(())
    }

    /// Takes a try back that turned out to be right, and remembers from where it came.
    pub fn welcome(&self, name: &str, network: IpAddr) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = secret::mark(name.as_bytes());
        for subject in state.subjects(name, network) {
            if let Some(level) = state.levels.get_mut(&subject) {
                level.tries = (level.tries - 1.0).max(0.0);
            }
        }
        state.known.retain(|known| *known != (name, network));
        state.known.push_back((name, network));
        if state.known.len() > MOST_KNOWN {
            state.known.pop_front();
        }
    }
}

impl State {
    /// For what a try counts.
    fn subjects(&self, name: Mark, network: IpAddr) -> Vec<Subject> {
        let mut subjects = vec![Subject::Pair(name, network), Subject::Address(network)];
        if !self.known.contains(&(name, network)) {
            subjects.push(Subject::Name(name));
        }
        subjects
    }
}

fn make_room(levels: &mut HashMap<Subject, Level>, subject: Subject, now: Instant) {
    if levels.len() < MOST || levels.contains_key(&subject) {
        return;
    }
    levels.retain(|_, level| level.now(now) > 0.0);
    if levels.len() < MOST {
        return;
    }
    let lowest = levels.iter().min_by(|a, b| a.1.now(now).total_cmp(&b.1.now(now)));
    if let Some(lowest) = lowest.map(|(subject, _)| *subject) {
        levels.remove(&lowest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(n).into()
    }

    #[test]
    fn tries_for_a_name_and_from_an_address_are_limited() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(limiter.admit_at("dora", address(1), start), Ok(()));
        }
        assert_eq!(limiter.admit_at("dora", address(1), start), Err(INTERVAL));
        assert_eq!(limiter.admit_at("dora", address(1), start + INTERVAL), Ok(()));
        assert!(limiter.admit_at("dora", address(1), start + INTERVAL).is_err());
        for n in 0..20 {
            assert_eq!(limiter.admit_at(&format!("user{n}"), address(1000), start), Ok(()));
        }
        assert_eq!(limiter.admit_at("another", address(1000), start), Err(INTERVAL));
        assert_eq!(limiter.admit_at("another", address(1001), start), Ok(()));
    }

    #[test]
    fn wrong_tries_from_elsewhere_keep_nobody_out() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        limiter.welcome("dora", address(1));
        for n in 100..150 {
            assert_eq!(limiter.admit_at("dora", address(n), now), Ok(()));
        }
        assert_eq!(limiter.admit_at("dora", address(2), now), Ok(()), "a new network");
        for n in 150..199 {
            assert_eq!(limiter.admit_at("dora", address(n), now), Ok(()));
        }
        assert_eq!(limiter.admit_at("dora", address(1), now), Ok(()), "a network that is known");
        assert!(limiter.admit_at("dora", address(3), now).is_err(), "all together are bounded");
    }

    #[test]
    fn right_passwords_are_not_counted() {
        let limiter = Limiter::default();
        for n in 0..1000 {
            assert_eq!(limiter.admit("dora", address(n % 300)), Ok(()));
            limiter.welcome("dora", address(n % 300));
        }
        assert_eq!(limiter.0.lock().unwrap().known.len(), MOST_KNOWN);
    }

    #[test]
    fn a_flood_of_names_makes_nobody_forgotten_who_is_limited() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(limiter.admit_at("dora", address(1), now), Ok(()));
        }
        for n in 0..5000 {
            assert_eq!(limiter.admit_at(&format!("user{n}"), address(100 + n), now), Ok(()));
        }
        assert!(limiter.admit_at("dora", address(1), now).is_err());
        assert!(limiter.0.lock().unwrap().levels.len() <= MOST);
    }
}
