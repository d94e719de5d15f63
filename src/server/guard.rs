//! The panic guard: no panic of ours unwinds into the server, which would end the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// How many panics the guard has caught since the module was loaded.
pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Runs `body`; `None` means that it panicked, which is counted and logged by the panic hook.
#[inline]
pub(super) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    if outcome.is_err() {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }
    outcome.ok()
}

/// From now on a panic writes where it happened to the server's log.
///
/// Its message stays out: it may quote what a client sent.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
        super::log::warning(&format!("panic caught at {file}:{line}; please report it"));
    }));
}
