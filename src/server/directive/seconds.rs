//! Directives that are lengths of time: seconds, or a number with a unit.
//!
//! The server's integer directives take no units, so to the server this is a string. CONFIG GET and
//! CONFIG REWRITE show one form of each value: plain seconds, or milliseconds as `1500ms` where it
//! is not whole seconds.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::api::api;
use super::super::guard::guarded;
use super::string::{Shown, set_text};
use super::{Directive, apply};
use crate::server::raw;
use crate::text::duration;
use crate::text::time::Span;

/// A length of time, which readers get as a `T`. Reading it costs one atomic load.
pub(crate) struct Seconds<T = Span> {
    name: &'static CStr,
    /// The bounds, in seconds.
    min: u64,
    max: u64,
    /// Whether parts of a second are refused.
    is_whole: bool,
    /// In milliseconds.
    staged: AtomicU64,
    in_force: AtomicU64,
    shown: Shown,
    read_as: PhantomData<fn() -> T>,
}

/// What a length of time is to the readers of a directive.
pub(crate) trait FromMillis {
    fn from_millis(ms: u64) -> Self;
}

impl FromMillis for Span {
    #[inline]
    fn from_millis(ms: u64) -> Self {
        Self(ms)
    }
}

impl FromMillis for Duration {
    fn from_millis(ms: u64) -> Self {
        Self::from_millis(ms)
    }
}

/// Whole seconds.
impl FromMillis for u32 {
    fn from_millis(ms: u64) -> Self {
        Self::try_from(ms / 1000).unwrap_or(Self::MAX)
    }
}

impl<T: FromMillis> Seconds<T> {
    /// A directive with its default and bounds, in seconds.
    pub(crate) const fn new(name: &'static CStr, default: u64, min: u64, max: u64) -> Self {
        Self {
            name,
            min,
            max,
            is_whole: false,
            staged: AtomicU64::new(default * 1000),
            in_force: AtomicU64::new(default * 1000),
            shown: Shown::new(),
            read_as: PhantomData,
        }
    }

    /// A directive that takes no parts of a second.
    pub(crate) const fn whole(name: &'static CStr, default: u64, min: u64, max: u64) -> Self {
        let mut directive = Self::new(name, default, min, max);
        directive.is_whole = true;
        directive
    }

    /// The value in force.
    #[inline]
    pub(crate) fn get(&self) -> T {
        T::from_millis(self.in_force.load(Ordering::Relaxed))
    }

    fn stage(&self, text: &[u8]) -> Result<(), String> {
        let Self { min, max, is_whole, .. } = *self;
        let in_bounds = |ms: &u64| (min * 1000..=max * 1000).contains(ms) && (!is_whole || ms % 1000 == 0);
        match duration::millis(text).ok().map(|span| span.0).filter(in_bounds) {
            Some(ms) => {
                self.staged.store(ms, Ordering::Relaxed);
                Ok(())
            }
            None => {
                let (whole, examples) =
                    if is_whole { ("whole ", "90s, 15m, 1h, 1d") } else { ("", "500ms, 90s, 15m, 1h, 1d") };
                Err(format!(
                    "must be {min} to {max} {whole}seconds, as a plain number or with a unit ({examples})"
                ))
            }
        }
    }

    fn text(&self) -> String {
        match self.staged.load(Ordering::Relaxed) {
            ms if ms % 1000 == 0 => (ms / 1000).to_string(),
            ms => format!("{ms}ms"),
        }
    }
}

impl<T: FromMillis + 'static> Directive for Seconds<T> {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn set_default(&self, text: &[u8]) -> Result<(), String> {
        self.stage(text)
    }

    unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterStringConfig);
        let Ok(default) = CString::new(self.text()) else { return false };
        // SAFETY: the caller's promise; the server copies the default, and `self` is 'static, which
        // is what the callbacks rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                default.as_ptr(),
                raw::REDISMODULE_CONFIG_DEFAULT as c_uint,
                Some(get::<T>),
                Some(set::<T>),
                Some(apply::<Self>),
                std::ptr::from_ref(self).cast_mut().cast(),
            )
        };
        answer == raw::REDISMODULE_OK as c_int
    }

    fn apply(&self) {
        self.in_force.store(self.staged.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

unsafe extern "C" fn get<T: FromMillis + 'static>(
    _name: *const c_char,
    directive: *mut c_void,
) -> *mut raw::RedisModuleString {
    // SAFETY: `register` passed a `&'static Seconds<T>` as the private data.
    let directive = unsafe { &*directive.cast::<Seconds<T>>() };
    directive.shown.replace(Some(directive.text().as_bytes()))
}

unsafe extern "C" fn set<T: FromMillis + 'static>(
    _name: *const c_char,
    value: *mut raw::RedisModuleString,
    directive: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Seconds<T>` as the private data.
    let directive = unsafe { &*directive.cast::<Seconds<T>>() };
    let stage =
        |text: &[u8]| guarded(|| directive.stage(text)).unwrap_or_else(|| Err("internal error".into()));
    // SAFETY: the server passes a live string, and `error` is where it wants the reason.
    unsafe { set_text(value, error, stage) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_of_time_takes_units_and_is_shown_in_one_form() {
        let directive = Seconds::<Span>::new(c"x", 5, 0, 1_000_000);
        for (text, shown, ms) in [
            ("900", "900", 900_000),
            ("15m", "900", 900_000),
            ("15M", "900", 900_000),
            ("90s", "90", 90_000),
            ("1h", "3600", 3_600_000),
            ("1d", "86400", 86_400_000),
            ("500ms", "500ms", 500),
            ("2000ms", "2", 2000),
            ("0.25", "250ms", 250),
            ("0", "0", 0),
            ("0s", "0", 0),
        ] {
            assert_eq!(directive.stage(text.as_bytes()), Ok(()), "{text}");
            directive.apply();
            assert_eq!((&directive.text()[..], directive.get()), (shown, Span(ms)));
        }
    }

    #[test]
    fn what_is_out_of_bounds_or_not_a_length_of_time_is_refused_with_the_form() {
        let directive = Seconds::<u32>::whole(c"x", 5, 1, 60);
        for text in ["", "0", "61", "2m", "1500ms", "-1", "+1", "1w", "1 s", "s", "soon", "1\0", "1e1"] {
            let why = directive.stage(text.as_bytes()).expect_err(text);
            assert_eq!(
                why,
                "must be 1 to 60 whole seconds, as a plain number or with a unit (90s, 15m, 1h, 1d)"
            );
        }
        assert_eq!(directive.get(), 5);
        assert_eq!(directive.stage(b"1m"), Ok(()));
        directive.apply();
        assert_eq!(directive.get(), 60);
    }

    proptest! {
        #[test]
        fn what_is_shown_sets_the_same_value(ms in 0..=315_360_000_000_u64) {
            let directive = Seconds::<Span>::new(c"x", 5, 0, 315_360_000);
            directive.stage(format!("{ms}ms").as_bytes()).unwrap();
            directive.apply();
            let shown = directive.text();
            directive.stage(b"7").unwrap();
            directive.stage(shown.as_bytes()).unwrap();
            directive.apply();
            prop_assert_eq!((directive.get(), directive.text()), (Span(ms), shown));
        }
    }
}
