//! When a call was decided, by the server's own clock.

use super::{Client, Value};

/// The first and the last millisecond in which a call can have read the clock: those of TIME right before and right
/// after it. They are almost always the same one.
///
/// Not in a transaction: Redis 7.2 and later answer TIME there with the moment at which EXEC began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// Not before.
    pub from: i64,
    /// Not after.
    pub to: i64,
}

impl Bracket {
    /// The time shifted by `ms`.
    pub fn plus(self, ms: i64) -> Self {
        Self { from: self.from + ms, to: self.to + ms }
    }

    /// Whether `ms` can be the time.
    pub fn contains(self, ms: i64) -> bool {
        (self.from..=self.to).contains(&ms)
    }

    /// What is left if `other` tells the time of the same moment; panics if they contradict each other.
    #[track_caller]
    pub fn and(self, other: Self) -> Self {
        let both = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        assert!(both.from <= both.to, "{self:?} and {other:?} can't be the same moment");
        both
    }

    /// The time, if it is known to the millisecond.
    pub fn exact(self) -> Option<i64> {
        (self.from == self.to).then_some(self.from)
    }
}

impl Client {
    /// Runs `line` and says when it read the clock.
    #[track_caller]
    pub fn timed(&mut self, line: &str) -> (Value, Bracket) {
        let (answer, before, after) = self.timed_micros(line);
        (answer, Bracket { from: before / 1000, to: after / 1000 })
    }

    /// Runs `line` and says when it read the clock, then `more` at once, before anything it set can expire.
    #[track_caller]
    pub fn timed_then(&mut self, line: &str, more: &str) -> (Value, Bracket, Value) {
        let answers = self.run_all(&["TIME", line, "TIME", more]);
        let [before, answer, after, then] = &answers[..] else { panic!("not four answers: {answers:?}") };
        (answer.clone(), Bracket { from: before.micros() / 1000, to: after.micros() / 1000 }, then.clone())
    }

    /// Runs `line`; the server's clock in microseconds right before and right after it.
    #[track_caller]
    pub fn timed_micros(&mut self, line: &str) -> (Value, i64, i64) {
        let answers = self.run_all(&["TIME", line, "TIME"]);
        let [before, answer, after] = &answers[..] else { panic!("not three answers: {answers:?}") };
        (answer.clone(), before.micros(), after.micros())
    }

    /// The server's clock in Unix milliseconds.
    #[track_caller]
    pub fn time_ms(&mut self) -> i64 {
        self.run("TIME").micros() / 1000
    }
}

impl Value {
    /// A reply of TIME in microseconds.
    #[track_caller]
    pub fn micros(&self) -> i64 {
        let parts: Vec<i64> =
            self.texts().iter().map(|part| part.parse().expect("TIME replies numbers")).collect();
        parts[0] * 1_000_000 + parts[1]
    }
}
