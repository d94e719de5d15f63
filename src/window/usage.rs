//! What is used in each window of a log, to explain a key.

use crate::text::time::{Span, Timestamp};

use super::extra::Extra;
use super::log::Log;

/// A window at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub window: Span,
    /// The units in the window.
    pub used: u64,
    /// How long until the first of them leaves it. Zero if there are none.
    pub first_free: Span,
    /// How long until the last of them leaves it. Zero if there are none.
    pub reset: Span,
}

impl<X: Extra> Log<X> {
    /// The windows that the log remembers, shortest first.
    pub(crate) fn usage(&self, now: Timestamp) -> impl Iterator<Item = Usage> + '_ {
        self.windows().map(move |window| {
            let view = self.view(window, now);
            // An entry later than now, after the clock has stepped back, counts as admitted now.
            let free_after = |end: Timestamp| end.min(now) + window - now;
            let used = view.count();
            Usage {
                window,
                used,
                first_free: view.last_of(1).map_or(Span(0), free_after),
                reset: if used > 0 { free_after(self.newest()) } else { Span(0) },
            }
        })
    }
}
