//! The check that the server has taken what was replicated.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use super::log;
use super::raw;

/// Checks the answer of RM_Replicate. It refuses a command or format that it does not know, which
/// is a bug in this module.
#[inline]
pub(super) fn check(answer: c_int) {
    if answer != raw::REDISMODULE_OK as c_int {
        refused();
    }
}

#[cold]
#[inline(never)]
fn refused() {
    static LOGGED: AtomicBool = AtomicBool::new(false);
    if !LOGGED.swap(true, Ordering::Relaxed) {
        log::warning(
            "the server refused to replicate a change: replicas and the AOF lack it. Please report this",
        );
    }
    debug_assert!(false, "RM_Replicate failed");
}
