//! What the calls so far mean for the one that comes now: whether they are a burst, and whether to raise an alert.

use crate::text::time::{Span, Timestamp};
use crate::window::effect::{Step, Windows};
use crate::window::log::{Log, MAX_UNITS};

use super::cooldown::Cooldown;

/// What is asked of every call.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// So many calls
    pub threshold: u64,
    /// in so long are a burst.
    pub window: Span,
    /// How long a key is quiet after an alert.
    pub cooldown: Span,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Calls in the window, this one included; at most [`MAX_UNITS`].
    pub count: u64,
    /// Whether they are a burst.
    pub burst: bool,
    /// The alert to raise.
    pub alert: Option<Alert>,
}

/// What an alert tells of the time since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Whether the burst has gone on since then.
    pub ongoing: bool,
    /// Calls in a burst since then, all of them without an alert.
    pub suppressed: u32,
}

/// Counts a call at `now`: what it is answered, and the change that records it and what was decided.
///
/// A key is quiet from an alert for a cooldown. If the clock has stepped back in between, the rest of that time is at
/// most one cooldown from now, so that it never gets longer.
#[inline]
pub fn decide(
    log: &mut Log<Cooldown>,
    watch: &Watch,
    now: Timestamp,
    max_entries: u16,
) -> (Verdict, Step<Cooldown>) {
    log.advance(std::iter::once(watch.window), now);
    let count = (log.count(watch.window, now) + 1).min(MAX_UNITS);
    let burst = count >= watch.threshold;
    let (alert, cooldown) = alert(log.extra(), burst, watch.cooldown, now);
    let step = Step {
        seq: log.next_seq(),
        at: now,
        units: 1,
        expires: None,
        max_entries,
        windows: Windows::new(std::iter::once(watch.window)),
        extra: cooldown,
    };
    (Verdict { count, burst, alert }, step)
}

/// Whether a call raises an alert, and what the key remembers from then on.
#[inline]
fn alert(memory: Cooldown, burst: bool, length: Span, now: Timestamp) -> (Option<Alert>, Cooldown) {
    let full = now + length;
    let memory = memory.ending_by(full);
    if !burst {
        (None, memory.without_burst())
    } else if now < memory.quiet_until {
        (None, memory.suppressing())
    } else {
        let alert = Alert { ongoing: memory.ongoing(), suppressed: memory.suppressed };
        (Some(alert), Cooldown::after_alert(full))
    }
}
