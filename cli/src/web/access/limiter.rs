//! Bounds the passwords that can be tried for one name and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::secret::{self, Mark};

/// This many tries may be made at once, and one more in each interval.
const TRIES_OF_NAME: f64 = 10.0;
const TRIES_OF_ADDRESS: f64 = 20.0;
const INTERVAL: Duration = Duration::from_secs(30);
/// The most names and addresses that are remembered. In place of one more, the one with the fewest
/// tries is forgotten.
const MOST: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    /// The hash of a name, which can be of any length.
    Name(Mark),
    Address(IpAddr),
}

impl Subject {
    fn capacity(self) -> f64 {
        match self {
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
pub struct Limiter(Mutex<HashMap<Subject, Level>>);

impl Limiter {
    /// Counts a try for `name` from `network`, or says how long to wait for the next one.
    pub fn admit(&self, name: &str, network: IpAddr) -> Result<(), Duration> {
        self.admit_at(name, network, Instant::now())
    }

    fn admit_at(&self, name: &str, network: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let subjects = subjects(name, network);
        let level = |subject| levels.get(&subject).map_or(0.0, |level: &Level| level.now(now));
        let over = |subject: Subject| level(subject) + 1.0 - subject.capacity();
        let worst = subjects.into_iter().map(over).fold(0.0, f64::max);
        if worst > 0.0 {
            return Err(INTERVAL.mul_f64(worst));
        }
        for subject in subjects {
            let tries = levels.get(&subject).map_or(0.0, |level| level.now(now)) + 1.0;
            make_room(&mut levels, subject, now);
            levels.insert(subject, Level { tries, at: now });
        }
        Ok(())
    }

    /// Takes a try back that turned out to be right.
    pub fn forgive(&self, name: &str, network: IpAddr) {
        let mut levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in subjects(name, network) {
            if let Some(level) = levels.get_mut(&subject) {
                level.tries = (level.tries - 1.0).max(0.0);
            }
        }
    }
}

fn subjects(name: &str, network: IpAddr) -> [Subject; 2] {
    [Subject::Name(secret::mark(name.as_bytes())), Subject::Address(network)]
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
        for n in 0..10 {
            assert_eq!(limiter.admit_at("dora", address(n), start), Ok(()));
        }
        assert_eq!(limiter.admit_at("dora", address(99), start), Err(INTERVAL));
        assert_eq!(limiter.admit_at("dora", address(99), start + INTERVAL), Ok(()));
        assert!(limiter.admit_at("dora", address(99), start + INTERVAL).is_err());
        for n in 0..20 {
            assert_eq!(limiter.admit_at(&format!("user{n}"), address(1000), start), Ok(()));
        }
        assert_eq!(limiter.admit_at("another", address(1000), start), Err(INTERVAL));
        assert_eq!(limiter.admit_at("another", address(1001), start), Ok(()));
    }

    #[test]
    fn right_passwords_are_not_counted() {
        let limiter = Limiter::default();
        for _ in 0..1000 {
            assert_eq!(limiter.admit("dora", address(1)), Ok(()));
            limiter.forgive("dora", address(1));
        }
    }

    #[test]
    fn a_flood_of_names_makes_nobody_forgotten_who_is_limited() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for n in 0..10 {
            assert_eq!(limiter.admit_at("dora", address(n), now), Ok(()));
        }
        for n in 0..2000 {
            assert_eq!(limiter.admit_at(&format!("user{n}"), address(100 + n), now), Ok(()));
        }
        assert!(limiter.admit_at("dora", address(99), now).is_err());
        assert!(limiter.0.lock().unwrap().len() <= MOST);
    }
}
