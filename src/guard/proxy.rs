//! Notices a reverse proxy whose own address the application passes on as that of its clients.

use serde::{Deserialize, Serialize};

use super::address::Place;

/// The number of outcomes among which the share of one address is taken.
const BLOCK: u8 = 100;

/// Counts the outcomes of the private address that most come from, after Boyer and Moore's majority
/// vote: an address that more than half of the outcomes come from stays the candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proxy {
    /// The outcomes of the current block.
    seen: u8,
    candidate: Option<Place>,
    /// How many more outcomes came from the candidate than from others.
    margin: u8,
    /// The candidate's outcomes in the current block.
    hits: u8,
}

impl Proxy {
    /// Counts an outcome of `place`, if that is private. Returns whether more than half of the
    /// current block of outcomes have come from it, at the outcome at which this becomes so.
    pub(crate) fn outcome(&mut self, place: Option<Place>) -> bool {
        if self.seen == BLOCK {
            (self.seen, self.hits) = (0, 0);
        }
        self.seen += 1;
        if self.margin == 0 && place.is_some() {
            (self.candidate, self.hits) = (place, 0);
        }
        if place.is_some() && self.candidate == place {
            self.margin = (self.margin + 1).min(BLOCK);
            self.hits += 1;
            return self.hits == BLOCK / 2 + 1;
        }
        self.margin = self.margin.saturating_sub(1);
        false
    }

    pub(crate) fn is_sound(&self) -> bool {
        let bounded = [self.seen, self.margin, self.hits].iter().all(|n| *n <= BLOCK);
        bounded && self.hits <= self.seen && self.candidate.is_none_or(Place::is_sound)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn place(last: u8) -> Option<Place> {
        Some(Place::of(IpAddr::from([10, 0, 0, last])))
    }

    #[test]
    fn an_address_of_most_outcomes_is_named_once_a_block() {
        let mut proxy = Proxy::default();
        let named: Vec<_> = (1..=200).filter(|_| proxy.outcome(place(1))).collect();
        assert_eq!(named, [51, 151]);
    }

    #[test]
    fn half_of_the_outcomes_is_not_more_than_half() {
        let mut proxy = Proxy::default();
        assert!((0..1000).all(|n| !proxy.outcome(if n % 2 == 0 { place(1) } else { None })));
        assert!((0..1000).all(|n| !proxy.outcome(place((n % 3) as u8))));
        assert!(proxy.is_sound());
    }

    #[test]
    fn a_majority_among_others_is_found_by_the_second_block() {
        let mut proxy = Proxy::default();
        let outcomes = (0..200).map(|n| if n % 5 < 3 { place(9) } else { place((n % 7) as u8) });
        assert_eq!(outcomes.filter(|place| proxy.outcome(*place)).count().min(1), 1);
    }
}
