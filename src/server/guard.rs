//! The panic guard: no panic of this module unwinds into the server, where it would end the
//! process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// The number of panics in the module, on any thread, since it was loaded.
pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Runs `body`. Returns `None` if it panicked, which the panic hook counts and logs.
#[inline]
pub(super) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

/// Installs a panic hook that counts panics and logs where they happened. It runs on every thread
/// of this library, also on those of tokio and ureq.
///
/// It leaves the message out, which may quote what a client sent.
pub(super) fn count_and_log_panics() {
    std::panic::set_hook(Box::new(|info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
        super::log::warning(&format!("panic caught at {file}:{line}; please report it"));
    }));
}
