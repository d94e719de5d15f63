//! A second implementation: what redis-cell 0.5 computes, step by step, and a bucket that counts
//! units one by one.

use std::collections::VecDeque;

const SECOND: i128 = 1_000_000_000;

/// The five integers and the new TAT of an admitted call, as redis-cell 0.5 computes them. Written
/// after its source, with numbers that can't overflow.
pub(super) fn redis_cell(
    (max_burst, count, period): (i64, i64, i64),
    quantity: i64,
    stored: Option<u64>,
    now: u64,
) -> ([i64; 5], Option<i128>) {
    let interval = ((i128::from(period) * SECOND) as f64 / count as f64) as i64;
    let interval = i128::from(interval);
    let now = i128::from(now);
    let tolerance = interval * (i128::from(max_burst) + 1);
    let increment = interval * i128::from(quantity);
    let tat = match stored {
        Some(tat) => i128::from(tat),
        None => now,
    };
    let new_tat = if now > tat { now + increment } else { tat + increment };
    let allow_at = new_tat - tolerance;
    let difference = now - allow_at;
    let (mut remaining, mut retry_after) = (0, -SECOND);
    let limited = difference < 0;
    let ttl = if limited {
        if increment <= tolerance {
            retry_after = -difference;
        }
        tat - now
    } else {
        new_tat - now
    };
    let next = tolerance - ttl;
    if next > -interval {
        remaining = ((next / 1000) as f64 / (interval / 1000) as f64) as i64;
    }
    let reply = [i64::from(limited), max_burst + 1, remaining, seconds(retry_after), seconds(ttl)];
    (reply, (!limited).then_some(new_tat))
}

fn seconds(ns: i128) -> i64 {
    let (whole, part) = (ns / SECOND, ns % SECOND);
    let mut seconds = (whole as f64 + part as f64 / SECOND as f64) as i64;
    if part / 1_000_000 > 0 {
        seconds += 1;
    }
    seconds
}

/// A bucket that holds the end of each unit's interval: units leave one after the other, each an
/// interval after the one before it.
#[derive(Default)]
pub(super) struct Bucket {
    ends: VecDeque<u64>,
}

impl Bucket {
    /// Adds `units` if there are then at most `limit` whole or partial units left.
    pub(super) fn admits(&mut self, limit: u64, interval: u64, units: u64, now: u64) -> bool {
        while self.ends.front().is_some_and(|end| *end <= now) {
            self.ends.pop_front();
        }
        // What the bucket holds, in nanoseconds: whole units, and the rest of the first one.
        let held = self.ends.back().map_or(0, |last| last - now);
        if held + units * interval > limit * interval {
            return false;
        }
        for _ in 0..units {
            let start = self.ends.back().copied().unwrap_or(now);
            self.ends.push_back(start + interval);
        }
        true
    }
}
