//! How bans grow: each one lasts twice as long as the last, and good conduct is rewarded.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

/// The most doublings of a ban.
pub(crate) const MOST: u8 = 20;
/// A strike is forgiven at the earliest after so long without a ban.
const FORGIVEN_AFTER: Span = Span(86_400_000);
/// A strike is forgiven after this many times the last ban.
const FORGIVEN_TIMES: u64 = 10;

/// The earlier bans of a subject by one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Strikes {
    count: u8,
    /// When the last ban ended or will end.
    end: Timestamp,
    /// How long the last ban was.
    last: Span,
}

impl Strikes {
    /// The strikes that are not forgiven at `now`.
    pub(crate) fn at(&self, now: Timestamp) -> u8 {
        let clean = (now - self.end).0 / self.forgiven_after().0;
        self.count.saturating_sub(u8::try_from(clean).unwrap_or(u8::MAX))
    }

    /// How long the next ban lasts: `base` doubled by every strike, at most `most`, and `jitter`
    /// thousandths more, which are at most 100.
    pub(crate) fn next_ban(&self, base: Span, most: Option<Span>, jitter: u64, now: Timestamp) -> Span {
        let doubled = base.0.saturating_mul(1 << self.at(now).min(MOST));
        let most = most.unwrap_or(Span::MAX).min(Span::MAX).0;
        let exact = doubled.min(most);
        Span(exact.saturating_add(exact / 1000 * jitter.min(100)).min(Span::MAX.0))
    }

    /// The strikes after a ban of `lasts` from `now` on.
    pub(crate) fn banned(&self, lasts: Span, now: Timestamp) -> Self {
        Self { count: self.at(now).saturating_add(1).min(MOST), end: now + lasts, last: lasts }
    }

    /// When the last strike is forgiven.
    pub(crate) fn ends(&self) -> Timestamp {
        let clean = self.forgiven_after().0.saturating_mul(u64::from(self.count));
        self.end + Span(clean)
    }

    fn forgiven_after(&self) -> Span {
        Span(self.last.0.saturating_mul(FORGIVEN_TIMES)).max(FORGIVEN_AFTER)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.count <= MOST && self.last <= Span::MAX && self.end <= Timestamp::NEVER + Span::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths in seconds of bans in a row, each right after the one before.
    fn bans(base: u64, most: Option<u64>, count: usize) -> Vec<u64> {
        let (mut strikes, mut now) = (Strikes::default(), Timestamp(1_000_000));
        let mut ban = || {
            let lasts = strikes.next_ban(Span(base * 1000), most.map(|most| Span(most * 1000)), 0, now);
            strikes = strikes.banned(lasts, now);
            now = now + lasts;
            lasts.0 / 1000
        };
        (0..count).map(|_| ban()).collect()
    }

    #[test]
    fn bans_double_as_in_the_table_of_fail2ban() {
        let expected = [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 153_600, 307_200, 614_400];
        assert_eq!(bans(600, None, expected.len()), expected);
        assert_eq!(bans(600, Some(86_400), 12)[7..], [76_800, 86_400, 86_400, 86_400, 86_400]);
        assert_eq!(bans(1, None, 30)[19..23], [1 << 19, 1 << 20, 1 << 20, 1 << 20]);
    }

    #[test]
    fn a_strike_is_forgiven_per_day_or_ten_times_the_last_ban() {
        let day = 86_400_000;
        let ban = |lasts| Strikes { count: 2, end: Timestamp(day), last: Span(lasts) };
        let short = ban(600_000);
        let after = |strikes: Strikes, clean: u64| strikes.at(Timestamp(day + clean));
        assert_eq!([0, day - 1, day, 2 * day - 1, 2 * day].map(|clean| after(short, clean)), [2, 2, 1, 1, 0]);
        let long = ban(day);
        assert_eq!([10 * day - 1, 10 * day, 20 * day].map(|clean| after(long, clean)), [2, 1, 0]);
        assert_eq!(long.ends(), Timestamp(21 * day));
        assert_eq!(short.at(Timestamp(0)), 2, "a clock that steps back forgives nothing");
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        let lasts = |jitter| Strikes::default().next_ban(Span(600_000), None, jitter, Timestamp(0));
        assert_eq!([0, 50, 100, 900].map(lasts), [600_000, 630_000, 660_000, 660_000].map(Span));
    }
}
