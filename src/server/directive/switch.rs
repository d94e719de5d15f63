//! Directives that are `yes` or `no`.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::super::api::api;

/// A directive that is `yes` or `no`, and where its value lives.
pub struct Switch {
    /// Its name, without the module's.
    pub name: &'static CStr,
    value: AtomicBool,
}

impl Switch {
    /// A directive with its default.
    pub const fn new(name: &'static CStr, default: bool) -> Self {
        Self { name, value: AtomicBool::new(default) }
    }

    /// Whether it is `yes`.
    #[inline]
    pub fn get(&self) -> bool {
        self.value.load(Ordering::Relaxed)
    }

    pub(super) fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let yes = text.eq_ignore_ascii_case(b"yes");
        if !yes && !text.eq_ignore_ascii_case(b"no") {
            return Err("must be yes or no".into());
        }
        self.value.store(yes, Ordering::Relaxed);
        Ok(())
    }

    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterBoolConfig);
        // SAFETY: the caller's promise; `self` is 'static, which is what `get` and `set` rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                c_int::from(self.get()),
                raw::REDISMODULE_CONFIG_DEFAULT as c_uint,
                Some(get),
                Some(set),
                None,
                std::ptr::from_ref(self).cast_mut().cast(),
            )
        };
        answer == raw::REDISMODULE_OK as c_int
    }
}

unsafe extern "C" fn get(_name: *const c_char, directive: *mut c_void) -> c_int {
    // SAFETY: `register` passed a `&'static Switch` as the private data.
    let directive = unsafe { &*directive.cast::<Switch>() };
    c_int::from(directive.get())
}

unsafe extern "C" fn set(
    _name: *const c_char,
    value: c_int,
    directive: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Switch` as the private data.
    let directive = unsafe { &*directive.cast::<Switch>() };
    directive.value.store(value != 0, Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}
