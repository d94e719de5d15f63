//! INFO sections and counters.

use std::ffi::{CStr, CString, c_int};
use std::sync::atomic::{AtomicU64, Ordering};

use super::api::api;
use super::guard;
use super::raw;

/// A counter since the module was loaded. Only the main thread adds to it; any thread may read it.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one. With a single writer a plain load and store suffice, without a locked instruction.
    #[inline]
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// Adds `n`; see [`Counter::count`].
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

/// A section of `INFO lockwatch`.
pub(crate) struct Section {
    /// The name without the prefix `lockwatch_`.
    pub name: &'static CStr,
    /// The counters and their field names.
    pub counters: &'static [(&'static CStr, &'static Counter)],
    /// Computes further fields when INFO is called. Skipped in a crash report, which the server
    /// writes wherever it happened to be.
    pub made: Option<Make>,
}

/// Passes each field to its argument.
pub(crate) type Make = fn(&mut dyn FnMut(&CStr, Value<'_>));

/// The value of an INFO field.
pub(crate) enum Value<'a> {
    Number(u64),
    /// A text. NUL and line breaks are replaced.
    Text(&'a str),
}

/// Writes the module's own section and those of the parts.
///
/// It also runs while the server writes a crash report, and then takes no lock and allocates
/// nothing.
///
/// # Safety
/// `ctx` is the context of a running INFO callback.
pub(super) unsafe fn write(
    ctx: *mut raw::RedisModuleInfoCtx,
    version: &CStr,
    sections: &[Section],
    for_crash_report: bool,
) {
    let add_number = api!(RedisModule_InfoAddFieldULongLong);
    let add_text = api!(RedisModule_InfoAddFieldCString);
    // SAFETY: the caller's promise; the server copies every string.
    if unsafe { begin(ctx, c"module") } {
        // SAFETY: as above.
        unsafe { add_text(ctx, c"version".as_ptr(), version.as_ptr()) };
        // SAFETY: as above.
        unsafe { add_number(ctx, c"panics_total".as_ptr(), guard::panics()) };
    }
    for section in sections {
        // SAFETY: as above.
        if !unsafe { begin(ctx, section.name) } {
            continue;
        }
        for (name, counter) in section.counters {
            // SAFETY: as above.
            unsafe { add_number(ctx, name.as_ptr(), counter.get()) };
        }
        let Some(made) = section.made.filter(|_| !for_crash_report) else { continue };
        made(&mut |name, value| match value {
            // SAFETY: as above.
            Value::Number(number) => unsafe {
                add_number(ctx, name.as_ptr(), number);
            },
            Value::Text(text) => {
                let line: Vec<u8> = text.bytes().map(|byte| if byte < b' ' { b' ' } else { byte }).collect();
                let line = CString::new(line).unwrap_or_default();
                // SAFETY: as above.
                unsafe { add_text(ctx, name.as_ptr(), line.as_ptr()) };
            }
        });
    }
}

/// Starts a section. Returns false if the caller of INFO did not ask for it.
///
/// # Safety
/// `ctx` is the context of a running INFO callback.
unsafe fn begin(ctx: *mut raw::RedisModuleInfoCtx, name: &CStr) -> bool {
    let add_section = api!(RedisModule_InfoAddSection);
    // SAFETY: the caller's promise; the server copies the name.
    unsafe { add_section(ctx, name.as_ptr()) == raw::REDISMODULE_OK as c_int }
}
