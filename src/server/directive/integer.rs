//! Directives that are numbers.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void};
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::raw;

use super::super::api::api;
use crate::text::number;

/// An integer directive, and where its value lives.
///
/// The server checks the bounds before it sets a value; reading one costs a load.
pub struct Integer {
    /// Its name, without the module's.
    pub name: &'static CStr,
    /// The least value.
    pub min: i64,
    /// The greatest value.
    pub max: i64,
    /// Whether it is an amount of memory, which may carry a unit.
    memory: bool,
    value: AtomicI64,
}

impl Integer {
    /// A directive with its default and bounds.
    pub const fn new(name: &'static CStr, default: i64, min: i64, max: i64) -> Self {
        Self { name, min, max, memory: false, value: AtomicI64::new(default) }
    }

    /// A directive that is a number of bytes: `1048576`, `1mb`.
    pub const fn bytes(name: &'static CStr, default: i64, min: i64, max: i64) -> Self {
        Self { name, min, max, memory: true, value: AtomicI64::new(default) }
    }

    /// The value in force.
    #[inline]
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    pub(super) fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let (digits, unit) = if self.memory { split_unit(text) } else { (text, 1) };
        let value = number::unsigned(digits).and_then(|value| i64::try_from(value).ok());
        match value.and_then(|value| value.checked_mul(unit)).filter(|v| (self.min..=self.max).contains(v)) {
            Some(value) => {
                self.value.store(value, Ordering::Relaxed);
                Ok(())
            }
            None => Err(format!("must be an integer from {} to {}", self.min, self.max)),
        }
    }

    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterNumericConfig);
        let flags =
            if self.memory { raw::REDISMODULE_CONFIG_MEMORY } else { raw::REDISMODULE_CONFIG_DEFAULT };
        // SAFETY: the caller's promise; `self` is 'static, which is what `get` and `set` rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                self.get(),
                flags as c_uint,
                self.min,
                self.max,
                Some(get),
                Some(set),
                None,
                std::ptr::from_ref(self).cast_mut().cast(),
            )
        };
        answer == raw::REDISMODULE_OK as c_int
    }
}

/// The digits of an amount of memory, and its unit in bytes: the server's own units.
fn split_unit(text: &[u8]) -> (&[u8], i64) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => 0,
    };
    // A unit that is none makes the number none.
    if unit == 0 { (b"", 1) } else { (digits, unit) }
}

unsafe extern "C" fn get(_name: *const c_char, directive: *mut c_void) -> c_longlong {
    // SAFETY: `register` passed a `&'static Integer` as the private data.
    let directive = unsafe { &*directive.cast::<Integer>() };
    directive.get()
}

unsafe extern "C" fn set(
    _name: *const c_char,
    value: c_longlong,
    directive: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Integer` as the private data.
    let directive = unsafe { &*directive.cast::<Integer>() };
    directive.value.store(value, Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_of_memory_has_the_servers_units() {
        let directive = Integer::bytes(c"x", 1, 1, 1 << 40);
        for (text, bytes) in [("5", 5), ("16mb", 16 << 20), ("2K", 2000), ("1Gb", 1 << 30)] {
            assert_eq!(directive.set_default(text.as_bytes()), Ok(()), "{text}");
            assert_eq!(directive.get(), bytes);
        }
        for text in ["", "mb", "-1", "1.5mb", "1tb", "9999999999gb", "0"] {
            assert!(directive.set_default(text.as_bytes()).is_err(), "{text}");
        }
    }
}
