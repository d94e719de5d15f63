//! What is known about one user or address: counters of bounded size that each event adds to.

use std::net::IpAddr;

use ipnet::IpNet;

use super::event::{DAY, Event, HOUR, network};
use super::sketch::{Distinct, Pauses, Spread, hash_of};

/// Networks that are remembered of a user.
const NETWORKS: usize = 16;
/// Calls after which the habits of a user are known.
const KNOWN_AFTER: u32 = 20;

/// Calls in each hour of the day, in UTC.
pub(super) type Hours = [u32; 24];

#[derive(Default)]
pub(super) struct Subject {
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) incidents: u32,
    /// Successful calls from a network that was new to the user, at an hour at which the user had
    /// never called.
    pub(super) out_of_habit: u32,
    pub(super) hours: Hours,
    pub(super) paths: Distinct,
    pub(super) spread: Spread,
    pub(super) agents: Distinct,
    /// Addresses of a user, or users of an address, with calls that succeeded.
    pub(super) others: Distinct,
    /// Those with calls that failed.
    pub(super) failed_others: Distinct,
    pub(super) pauses: Pauses,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) peak: u32,
    pub(super) active_hours: u32,
    in_this_hour: u32,
}

impl Subject {
    /// Adds an event of an address, which must not be older than the last one. `user` is a hash.
    pub(super) fn add_of_address(&mut self, event: &Event, user: Option<u64>, is_out_of_habit: bool) {
        self.add(event, user, is_out_of_habit, false);
    }

    /// Adds an event of a user. A failure from an address without a success before says nothing
    /// about the user's own ways, so it only counts in [`Subject::failed_others`].
    pub(super) fn add_of_user(&mut self, event: &Event, address: Option<u64>, is_out_of_habit: bool) {
        self.add(event, address, is_out_of_habit, true);
    }

    fn add(&mut self, event: &Event, other: Option<u64>, is_out_of_habit: bool, is_user: bool) {
        if event.is_incident() {
            self.incidents = self.incidents.saturating_add(1);
        }
        if !event.is_call() {
            return;
        }
        let has_failed = event.has_failed();
        match other {
            Some(other) if has_failed => _ = self.failed_others.add(other),
            Some(other) => _ = self.others.add(other),
            None => {}
        }
        if is_user && has_failed && other.is_some_and(|address| !self.others.contains(address)) {
            // Most likely somebody else, who guesses.
            return;
        }
        self.add_time(event.ms);
        self.failures = self.failures.saturating_add(has_failed.into());
        self.out_of_habit = self.out_of_habit.saturating_add(is_out_of_habit.into());
        if let Some(path) = event.path_hash() {
            self.paths.add(path);
            self.spread.add(path);
        }
        if let Some(agent) = event.agent {
            self.agents.add(hash_of(&agent));
        }
    }

    fn add_time(&mut self, ms: i64) {
        let is_first = self.calls == 0;
        if is_first {
            self.first_ms = ms;
        } else {
            self.pauses.add(ms - self.last_ms);
        }
        if is_first || ms.div_euclid(HOUR) != self.last_ms.div_euclid(HOUR) {
            self.active_hours += 1;
            self.in_this_hour = 0;
        }
        self.in_this_hour = self.in_this_hour.saturating_add(1);
        self.peak = self.peak.max(self.in_this_hour);
        self.calls = self.calls.saturating_add(1);
        self.last_ms = ms;
        self.hours[hour_of_day(ms)] = self.hours[hour_of_day(ms)].saturating_add(1);
    }
}

pub(super) fn hour_of_day(ms: i64) -> usize {
    (ms.rem_euclid(DAY) / HOUR) as usize
}

/// From where and at which hours a user usually calls.
#[derive(Default)]
pub(super) struct Habit {
    known: u32,
    hours: Hours,
    /// Networks and when each was first seen, oldest first.
    networks: Vec<(IpNet, i64)>,
}

impl Habit {
    /// Learns from a successful call, and returns whether it was out of habit: from a network first
    /// seen in the last day but not on the user's first day, at an hour of the day at which (and
    /// around which) the user had never called. A user of more than 16 networks has no such habit.
    pub(super) fn add(&mut self, ms: i64, ip: IpAddr) -> bool {
        let network = network(ip);
        let seen = self.networks.iter().find(|(seen, _)| *seen == network).map(|(_, first)| *first);
        let first = seen.unwrap_or(ms);
        let since = self.networks.first().map_or(ms, |(_, first)| *first);
        let is_new = first - since >= DAY && ms - first < DAY;
        let hour = hour_of_day(ms);
        let is_full = self.networks.len() >= NETWORKS;
        if seen.is_none() && !is_full {
            self.networks.push((network, ms));
        }
        if is_new && self.known >= KNOWN_AFTER {
            let around = [hour + 23, hour, hour + 1].map(|hour| self.hours[hour % 24]);
            return !is_full && around == [0; 3];
        }
        self.known = self.known.saturating_add(1);
        self.hours[hour] = self.hours[hour].saturating_add(1);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_network_at_a_new_hour_is_out_of_habit() {
        let mut habit = Habit::default();
        for call in 0..40 {
            // Ten calls a day from 9:00 on.
            assert!(!habit.add(call / 10 * DAY + 9 * HOUR + call % 10, ip("203.0.113.9")));
        }
        let night = 5 * DAY + 3 * HOUR;
        assert!(!habit.add(night + 7 * HOUR, ip("198.51.100.1")), "at a usual hour");
        assert!(habit.add(night, ip("192.0.2.1")));
        assert!(habit.add(night + 1, ip("192.0.2.77")), "still new");
        assert!(!habit.add(night + 2 * DAY, ip("192.0.2.1")), "known by now");
        assert!(!habit.add(night, ip("203.0.113.200")), "the usual network at a new hour");
    }

    #[test]
    fn hours_and_peaks_are_those_of_the_calls() {
        let mut subject = Subject::default();
        for ms in [0, 1, HOUR - 1, HOUR, 30 * HOUR, 30 * HOUR + 5] {
            subject.add(&Event { ms, kind: "request", ..Event::default() }, None, false, false);
        }
        assert_eq!((subject.calls, subject.peak, subject.active_hours), (6, 3, 3));
        assert_eq!((subject.hours[0], subject.hours[1], subject.hours[6]), (3, 1, 2));
        assert_eq!((subject.first_ms, subject.last_ms), (0, 30 * HOUR + 5));
    }

    #[test]
    fn what_a_guard_found_is_an_incident_and_no_call() {
        let mut subject = Subject::default();
        for kind in ["guard.challenge", "guard.ban", "token.reuse"] {
            subject.add(&Event { kind, limited: true, ..Event::default() }, Some(1), false, false);
        }
        subject.add(&Event { kind: "request", anomaly: true, ..Event::default() }, None, false, false);
        assert_eq!((subject.calls, subject.failures, subject.incidents), (1, 0, 4));
    }
}
