//! The cap on new bans: a fault of ours, of a rule or of the site can't lock everybody out.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

/// How many networks may be banned anew within [`WINDOW`].
const MOST: usize = 60;
const WINDOW: Span = Span(60_000);

/// The networks that were banned in the last minute, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cap {
    bans: Vec<(u64, Timestamp)>,
}

impl Cap {
    /// Whether another ban in `network` is within the cap, which then counts it. Several bans in
    /// one network count once.
    pub(crate) fn admit(&mut self, network: u64, now: Timestamp) -> bool {
        // A clock that steps back makes none of them older.
        self.bans.iter_mut().for_each(|(_, at)| *at = (*at).min(now));
        self.bans.retain(|(_, at)| now - *at < WINDOW);
        if self.bans.iter().any(|(known, _)| *known == network) {
            return true;
        }
        let is_within = self.bans.len() < MOST;
        if is_within {
            self.bans.push((network, now));
        }
        is_within
    }

    /// Whether the next ban in a new network would be above the cap.
    pub(crate) fn is_reached(&self, now: Timestamp) -> bool {
        self.bans.iter().filter(|(_, at)| now - *at < WINDOW).count() >= MOST
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.bans.len() <= MOST && self.bans.iter().all(|(_, at)| *at < Timestamp::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_networks_a_minute_are_banned_anew() {
        let mut cap = Cap::default();
        let admitted = (0..100).filter(|n| cap.admit(*n, Timestamp(1000 + n))).count();
        assert_eq!(admitted, 60);
        assert!(cap.admit(5, Timestamp(2000)), "its network was banned already");
        assert!(cap.is_reached(Timestamp(60_999)) && !cap.admit(200, Timestamp(60_999)));
        assert!(cap.admit(200, Timestamp(61_000)), "the first one is a minute old");
        assert!(!cap.admit(201, Timestamp(61_000)));
        assert!(cap.is_sound());
    }

    #[test]
    fn a_clock_that_steps_back_lets_no_more_through() {
        let mut cap = Cap::default();
        assert!((0..60).all(|n| cap.admit(n, Timestamp(1_000_000))));
        assert!(!cap.admit(99, Timestamp(5000)));
        assert!(!cap.admit(99, Timestamp(64_999)) && cap.admit(99, Timestamp(65_000)));
    }
}
