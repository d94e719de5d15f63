//! Directives that are `yes` or `no`.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::api::api;
use super::{Directive, apply};
use crate::server::raw;

/// A directive that is `yes` or `no`.
pub(crate) struct Switch {
    name: &'static CStr,
    flags: c_uint,
    staged: AtomicBool,
    in_force: AtomicBool,
}

impl Switch {
    /// A directive with its default.
    pub(crate) const fn new(name: &'static CStr, default: bool) -> Self {
        let flags = raw::REDISMODULE_CONFIG_DEFAULT as c_uint;
        Self { name, flags, staged: AtomicBool::new(default), in_force: AtomicBool::new(default) }
    }

    /// Only the configuration file and the loadmodule line can set the directive; CONFIG SET can't.
    pub(crate) const fn fixed(self) -> Self {
        Self { flags: raw::REDISMODULE_CONFIG_IMMUTABLE as c_uint, ..self }
    }

    /// Whether `yes` is in force.
    #[inline]
    pub(crate) fn get(&self) -> bool {
        self.in_force.load(Ordering::Relaxed)
    }
}

impl Directive for Switch {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let yes = text.eq_ignore_ascii_case(b"yes");
        if !yes && !text.eq_ignore_ascii_case(b"no") {
            return Err("must be yes or no".into());
        }
        self.staged.store(yes, Ordering::Relaxed);
        Ok(())
    }

    unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterBoolConfig);
        // SAFETY: the caller's promise; `self` is 'static, which is what the callbacks rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                c_int::from(self.staged.load(Ordering::Relaxed)),
                self.flags,
                Some(get),
                Some(set),
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

unsafe extern "C" fn get(_name: *const c_char, directive: *mut c_void) -> c_int {
    // SAFETY: `register` passed a `&'static Switch` as the private data.
    let directive = unsafe { &*directive.cast::<Switch>() };
    c_int::from(directive.staged.load(Ordering::Relaxed))
}

unsafe extern "C" fn set(
    _name: *const c_char,
    value: c_int,
    directive: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Switch` as the private data.
    let directive = unsafe { &*directive.cast::<Switch>() };
    directive.staged.store(value != 0, Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_value_is_shown_at_once_and_in_force_after_apply() {
        static DIRECTIVE: Switch = Switch::new(c"x", false);
        let data = std::ptr::from_ref(&DIRECTIVE).cast_mut().cast::<c_void>();
        // SAFETY: `data` is a `&'static Switch`, as `register` passes.
        unsafe { set(std::ptr::null(), 1, data, std::ptr::null_mut()) };
        // SAFETY: as above.
        let shown = unsafe { get(std::ptr::null(), data) };
        assert_eq!((DIRECTIVE.get(), shown), (false, 1));
        DIRECTIVE.apply();
        assert!(DIRECTIVE.get());
    }

    #[test]
    fn a_switch_is_yes_or_no() {
        let directive = Switch::new(c"x", false);
        for (text, yes) in [("yes", true), ("no", false), ("YES", true)] {
            assert_eq!(directive.set_default(text.as_bytes()), Ok(()), "{text}");
            directive.apply();
            assert_eq!(directive.get(), yes);
        }
        for text in ["", "1", "true", "yes "] {
            assert!(directive.set_default(text.as_bytes()).is_err(), "{text}");
        }
    }
}
