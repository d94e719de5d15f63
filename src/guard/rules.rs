//! What the directives say about rules, as one value that a call reads at once.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::builtin;
use super::grammar::Entry;
use super::never_ban::NeverBan;
use super::rule::Mode;
use super::ruleset::RuleSet;

/// The rules in force.
#[derive(Clone)]
pub(crate) struct Rules {
    pub set: Arc<RuleSet>,
    /// With [`Mode::Observe`] every rule observes.
    pub mode: Mode,
    pub never_ban: Arc<NeverBan>,
}

/// Before the module is loaded, the built-in rules. The directives replace all of it when it loads.
static CURRENT: LazyLock<Mutex<Arc<Rules>>> = LazyLock::new(|| {
    let set = Arc::new(RuleSet::new(builtin::entries(), None));
    Mutex::new(Arc::new(Rules { set, mode: Mode::Enforce, never_ban: Arc::default() }))
});

/// The rules in force. Only the main thread changes and reads them, so nobody waits here.
#[inline]
pub(crate) fn current() -> Arc<Rules> {
    Arc::clone(&CURRENT.lock().unwrap_or_else(PoisonError::into_inner))
}

fn change(change: impl FnOnce(&mut Rules)) {
    change(Arc::make_mut(&mut CURRENT.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Brings the rules of a file into force; without a file, the built-in ones.
pub(super) fn set_entries(entries: Option<Arc<[Entry]>>) {
    let entries = entries.unwrap_or_else(builtin::entries);
    change(|rules| rules.set = Arc::new(RuleSet::new(entries, Some(&rules.set))));
}

pub(super) fn set_mode(mode: Mode) {
    change(|rules| rules.mode = mode);
}

pub(super) fn set_never_ban(networks: Arc<NeverBan>) {
    change(|rules| rules.never_ban = networks);
}
