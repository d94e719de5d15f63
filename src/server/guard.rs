//! The panic guard: no panic of this module unwinds into the server, where it would end the
//! process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// The number of panics that the guard has caught since the module was loaded.
pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Runs `body`. Returns `None` if it panicked, which the panic hook counts and logs.
#[inline]
pub(super) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    if outcome.is_err() {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }
    outcome.ok()
}

/// Installs a panic hook that logs where a panic happened.
///
/// It leaves the message out, which may quote what a client sent.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
        super::log::warning(&format!("panic caught at {file}:{line}; please report it"));
    }));
}
