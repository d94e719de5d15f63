//! How often a policy was applied on this node since the policy was set or the module was loaded.

use crate::server::info::Counter;

/// What a call by policy ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Admitted, or recorded although a limit denied it.
    Admitted,
    Denied,
    /// Admitted because the limits only observe.
    ShadowDenied,
}

#[derive(Default)]
pub(super) struct Counts {
    calls: Counter,
    denied: Counter,
    shadow_denied: Counter,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub calls: u64,
    pub denied: u64,
    pub shadow_denied: u64,
}

impl Counts {
    #[inline]
    pub(super) fn count(&self, outcome: Outcome) {
        self.calls.count();
        match outcome {
            Outcome::Admitted => {}
            Outcome::Denied => self.denied.count(),
            Outcome::ShadowDenied => self.shadow_denied.count(),
        }
    }

    pub(super) fn totals(&self) -> Totals {
        Totals { calls: self.calls.get(), denied: self.denied.get(), shadow_denied: self.shadow_denied.get() }
    }
}
