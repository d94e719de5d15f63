//! Decides whether a call is in a burst and whether it raises an alert. Pure.

use crate::text::time::{Span, Timestamp};
use crate::window::effect::{Step, Windows};
use crate::window::log::{Log, MAX_UNITS};

use super::cooldown::Cooldown;

/// The arguments of LW.BURST that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// The number of calls in `window` that counts as a burst.
    pub threshold: u64,
    pub window: Span,
    /// How long a key raises no further alert after one.
    pub cooldown: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Calls in the window, including this one; at most [`MAX_UNITS`].
    pub count: u64,
    pub burst: bool,
    /// The alert to raise, if any.
    pub alert: Option<Alert>,
}

/// What an alert says about the time since the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    /// Whether every call since then was in a burst.
    pub ongoing: bool,
    /// Calls in a burst since then.
    pub suppressed: u32,
}

/// Counts a call at `now`. Returns the verdict and the step that records it.
///
/// An alert starts a cooldown. If the clock has stepped back since, the rest of the cooldown is at
/// most one cooldown from now, so that it never gets longer.
#[inline]
pub(super) fn decide(
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
        by_policy: false,
        extra: cooldown,
    };
    (Verdict { count, burst, alert }, step)
}

/// Whether a call raises an alert, and the key's alert state after it.
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
