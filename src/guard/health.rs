//! How the site as a whole does: whether logins fail because it is broken, and whether it is under
//! attack.
//!
//! Counts of the last minute are compared with their averages over an hour. The last minute is
//! approximated by the current clock minute and the share of the one before that the last 60
//! seconds still overlap.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

const MINUTE: u64 = 60_000;
/// The number of minutes over which averages are taken.
const HOUR: u64 = 60;
/// The number of minutes from which on the averages are used.
const WARM: u64 = 10;
/// The fewest outcomes in a minute that say anything, and the fewest failures that are an attack:
/// fewer come together by chance.
const FEWEST: u64 = 20;
/// The lowest average of successes, in thousandths a minute, of which a lack says anything. With
/// fewer, a minute without a success is ordinary, and an attacker could bring it about at night.
const EXPECTED: u64 = 6000;
/// The lowest average of failures, in thousandths a minute, that an attack is compared with.
const FAILURES: u64 = 1000;
/// Numbers of files are lower. Counts stay so.
const HIGHEST: u64 = 1 << 50;
/// Averages of empty minutes beyond this number are 0 anyway.
const IDLE: u64 = 1200;

/// Events of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Minute {
    pub attempts: u64,
    pub successes: u64,
    pub failures: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// When the current minute began.
    began: Timestamp,
    current: Minute,
    before: Minute,
    /// Averages per minute, in thousandths.
    average: Minute,
    /// How many minutes the averages are of, at most [`HOUR`].
    minutes: u64,
}

impl Minute {
    fn each(self, other: Self, act: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            attempts: act(self.attempts, other.attempts),
            successes: act(self.successes, other.successes),
            failures: act(self.failures, other.failures),
        }
    }
}

impl Health {
    /// Counts events of `now`.
    pub(crate) fn count(&mut self, events: Minute, now: Timestamp) {
        self.roll(now);
        self.current = self.current.each(events, |sum, events| sum.saturating_add(events).min(HIGHEST - 1));
    }

    /// Whether logins fail although as many people try as usual.
    pub(crate) fn is_broken(&self, now: Timestamp) -> bool {
        let (last, average) = (self.last(now), self.average);
        self.says_something(last)
            && average.successes >= EXPECTED
            && last.successes * 3 < average.successes
            && last.attempts * 2 >= average.attempts
    }

    /// Whether many more logins fail than usual while others succeed as usual. In a morning rush
    /// failures grow no faster than successes do, which is no attack.
    pub(crate) fn is_attacked(&self, now: Timestamp) -> bool {
        let (last, average) = (self.last(now), self.average);
        let usual = average.failures.max(FAILURES);
        let grows_faster = || {
            let [failures, successes] = [u128::from(last.failures), u128::from(last.successes)];
            failures * u128::from(average.successes) > 3 * u128::from(usual) * successes
        };
        self.says_something(last)
            && last.failures > (3 * usual).max(FEWEST * 1000)
            && last.successes * 2 >= average.successes
            && (last.failures > last.successes || grows_faster())
    }

    fn says_something(&self, last: Minute) -> bool {
        self.minutes >= WARM && last.successes + last.failures >= FEWEST * 1000
    }

    /// The last minute, in thousandths.
    fn last(&self, now: Timestamp) -> Minute {
        let passed = (now - self.began).0;
        let (current, before) = match passed / MINUTE {
            0 => (self.current, self.before),
            1 => (Minute::default(), self.current),
            _ => return Minute::default(),
        };
        let overlap = MINUTE - passed % MINUTE;
        current.each(before, |current, before| {
            let before = before.saturating_mul(overlap) / (MINUTE / 1000);
            current.saturating_mul(1000).saturating_add(before)
        })
    }

    /// Begins the minute of `now`. A clock that steps back stays in the current one.
    fn roll(&mut self, now: Timestamp) {
        if now < self.began || self.began == Timestamp(0) {
            self.began = now;
        }
        let passed = (now - self.began).0 / MINUTE;
        if passed == 0 {
            return;
        }
        let ended = std::mem::take(&mut self.current);
        self.take_in(ended);
        (1..passed.min(IDLE)).for_each(|_| self.take_in(Minute::default()));
        self.before = if passed == 1 { ended } else { Minute::default() };
        self.began = self.began + Span(passed * MINUTE);
    }

    /// Takes a minute that has ended into the averages.
    fn take_in(&mut self, ended: Minute) {
        self.minutes = (self.minutes + 1).min(HOUR);
        let minutes = self.minutes;
        self.average = self.average.each(ended, |average, ended| {
            let sum = average.saturating_mul(minutes - 1).saturating_add(ended.saturating_mul(1000));
            (sum / minutes).min(HIGHEST - 1)
        });
    }

    pub(crate) fn is_sound(&self) -> bool {
        let is_sound = |minute: Minute| {
            [minute.attempts, minute.successes, minute.failures].iter().all(|n| *n < HIGHEST)
        };
        self.began < Timestamp::NEVER
            && self.minutes <= HOUR
            && [self.current, self.before, self.average].into_iter().all(is_sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts evenly spread events of whole minutes. Returns the time after them.
    fn run(health: &mut Health, from: u64, minutes: u64, successes: u64, failures: u64) -> u64 {
        let total = successes + failures;
        for minute in 0..minutes {
            for n in 0..total {
                let now = Timestamp(from + minute * MINUTE + n * MINUTE / total);
                // Mixes both kinds evenly.
                let is_success = (n + 1) * successes / total > n * successes / total;
                let events = Minute {
                    attempts: 1,
                    successes: u64::from(is_success),
                    failures: u64::from(!is_success),
                };
                health.count(events, now);
            }
        }
        from + minutes * MINUTE
    }

    const START: u64 = 1_700_000_000_000;

    #[test]
    fn a_site_where_every_login_fails_is_broken_within_a_minute() {
        let mut health = Health::default();
        let end = run(&mut health, START, 60, 40, 5);
        assert!(!health.is_broken(Timestamp(end)) && !health.is_attacked(Timestamp(end)));
        let end = run(&mut health, end, 1, 0, 45);
        assert!(health.is_broken(Timestamp(end)) && !health.is_attacked(Timestamp(end)));
        let end = run(&mut health, end, 2, 40, 5);
        assert!(!health.is_broken(Timestamp(end)));
    }

    #[test]
    fn an_attack_is_no_breakage_and_a_breakage_no_attack() {
        let mut health = Health::default();
        let end = run(&mut health, START, 60, 40, 5);
        let end = run(&mut health, end, 2, 40, 100);
        assert!(health.is_attacked(Timestamp(end)) && !health.is_broken(Timestamp(end)));
    }

    #[test]
    fn a_morning_rush_is_no_attack() {
        let mut health = Health::default();
        let mut end = run(&mut health, START, 60, 1, 0);
        for minute in 1..=90 {
            end = run(&mut health, end, 1, minute.min(20) * 3, minute.min(20) / 2);
            assert!(!health.is_attacked(Timestamp(end)), "minute {minute}");
        }
        let end = run(&mut health, end, 2, 60, 50);
        assert!(health.is_attacked(Timestamp(end)), "five times as many failures, and as many successes");
    }

    #[test]
    fn an_attacker_with_logins_of_his_own_is_noticed_at_night() {
        let mut health = Health::default();
        let end = run(&mut health, START, 60, 1, 0);
        let end = run(&mut health, end, 2, 20, 25);
        assert!(health.is_attacked(Timestamp(end)));
    }

    #[test]
    fn failures_at_night_are_not_taken_for_a_breakage() {
        let mut health = Health::default();
        let end = run(&mut health, START, 90, 1, 0);
        let end = run(&mut health, end, 3, 0, 60);
        assert!(!health.is_broken(Timestamp(end)));
    }

    #[test]
    fn a_young_or_quiet_guard_judges_nothing() {
        let mut health = Health::default();
        let end = run(&mut health, START, 5, 40, 5);
        let end = run(&mut health, end, 1, 0, 100);
        assert!(!health.is_broken(Timestamp(end)) && !health.is_attacked(Timestamp(end)));
        assert!(!Health::default().is_broken(Timestamp(START)));
    }

    #[test]
    fn idle_minutes_lower_the_averages_and_a_clock_that_steps_back_does_not() {
        let mut health = Health::default();
        let end = run(&mut health, START, 60, 60, 0);
        let before = health.average.successes;
        health.count(Minute::default(), Timestamp(end - 10 * MINUTE));
        assert_eq!(health.average.successes, before);
        health.count(Minute::default(), Timestamp(end + 24 * HOUR * MINUTE));
        assert_eq!((health.average.successes, health.before), (0, Minute::default()));
        assert!(health.is_sound());
    }
}
