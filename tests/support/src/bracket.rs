//! The time at which a call ran, by the server's own clock.

use super::{Client, Value};

/// The earliest and latest millisecond in which a call can have read the clock, from TIME right
/// before and right after it. Usually they are equal.
///
/// Does not work in a transaction, where TIME of Redis 7.2 and later returns the start of EXEC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    pub from: i64,
    pub to: i64,
}

impl Bracket {
    /// Shifts the time by `ms`.
    pub fn plus(self, ms: i64) -> Self {
        Self { from: self.from + ms, to: self.to + ms }
    }

    /// Returns whether the call can have run at `ms`.
    pub fn contains(self, ms: i64) -> bool {
        (self.from..=self.to).contains(&ms)
    }

    /// Returns the intersection of two brackets of the same moment. Panics if they do not overlap.
    #[track_caller]
    pub fn and(self, other: Self) -> Self {
        let both = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        assert!(both.from <= both.to, "{self:?} and {other:?} can't be the same moment");
        both
    }

    /// Returns the time if it is known to the millisecond.
    pub fn exact(self) -> Option<i64> {
        (self.from == self.to).then_some(self.from)
    }
}

impl Client {
    /// Runs `line` and returns when it read the clock.
    #[track_caller]
    pub fn timed(&mut self, line: &str) -> (Value, Bracket) {
        let (answer, before, after) = self.timed_micros(line);
        (answer, Bracket { from: before / 1000, to: after / 1000 })
    }

    /// Like [`Client::timed`], and runs `more` in the same pipeline, before anything that `line`
    /// set can expire.
    #[track_caller]
    pub fn timed_then(&mut self, line: &str, more: &str) -> (Value, Bracket, Value) {
        let answers = self.run_all(&["TIME", line, "TIME", more]);
        let [before, answer, after, then] = &answers[..] else { panic!("not four answers: {answers:?}") };
        (answer.clone(), Bracket { from: before.micros() / 1000, to: after.micros() / 1000 }, then.clone())
    }

    /// Runs `line`. Returns the server's clock in microseconds right before and right after it.
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
    /// Parses a reply of TIME as microseconds.
    #[track_caller]
    pub fn micros(&self) -> i64 {
        let parts: Vec<i64> =
            self.texts().iter().map(|part| part.parse().expect("TIME replies numbers")).collect();
        parts[0] * 1_000_000 + parts[1]
    }
}
