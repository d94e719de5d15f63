//! Directives that are integers: counts and amounts of memory.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI64, Ordering};

use super::super::api::api;
use super::{Directive, apply};
use crate::server::raw;
use crate::text::number;
use crate::text::time::Timestamp;

/// A number of things.
pub(crate) type Count<T = usize> = Integer<T>;
/// An amount of memory.
pub(crate) type Bytes = Integer<usize>;

/// An integer directive whose readers get a `T`.
///
/// The server checks the bounds before it sets a value. Reading one costs one atomic load.
pub(crate) struct Integer<T> {
    name: &'static CStr,
    min: i64,
    max: i64,
    takes_units: bool,
    staged: AtomicI64,
    in_force: AtomicI64,
    read_as: PhantomData<fn() -> T>,
}

/// What the integer of a directive means to its readers.
pub(crate) trait FromInteger {
    /// Converts a value that is within the directive's bounds.
    fn from_integer(value: i64) -> Self;
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(
            impl FromInteger for $integer {
                #[inline]
                fn from_integer(value: i64) -> Self {
                    Self::try_from(value).unwrap_or(Self::MAX)
                }
            }
        )*
    };
}

integers!(u16 u32 u64 usize i64);

impl FromInteger for Timestamp {
    /// In milliseconds, or in seconds where that many milliseconds would be before 1973: in an
    /// incident nobody should have to know the unit.
    fn from_integer(value: i64) -> Self {
        const SECONDS_BELOW: u64 = 100_000_000_000;
        let value = u64::from_integer(value);
        Self(if value < SECONDS_BELOW { value * 1000 } else { value })
    }
}

impl<T: FromInteger> Integer<T> {
    /// A directive with its default and bounds.
    pub(crate) const fn new(name: &'static CStr, default: i64, min: i64, max: i64) -> Self {
        Self {
            name,
            min,
            max,
            takes_units: false,
            staged: AtomicI64::new(default),
            in_force: AtomicI64::new(default),
            read_as: PhantomData,
        }
    }

    /// A directive whose value may carry a unit of memory: `1048576`, `1mb`.
    pub(crate) const fn with_units(name: &'static CStr, default: i64, min: i64, max: i64) -> Self {
        let mut directive = Self::new(name, default, min, max);
        directive.takes_units = true;
        directive
    }

    /// The value in force.
    #[inline]
    pub(crate) fn get(&self) -> T {
        T::from_integer(self.in_force.load(Ordering::Relaxed))
    }
}

impl<T: FromInteger + 'static> Directive for Integer<T> {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let (digits, unit) = if self.takes_units { split_unit(text) } else { (text, 1) };
        let value = number::unsigned(digits).and_then(|value| i64::try_from(value).ok());
        match value.and_then(|value| value.checked_mul(unit)).filter(|v| (self.min..=self.max).contains(v)) {
            Some(value) => {
                self.staged.store(value, Ordering::Relaxed);
                Ok(())
            }
            None => Err(format!("must be an integer from {} to {}", self.min, self.max)),
        }
    }

    unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterNumericConfig);
        let flags =
            if self.takes_units { raw::REDISMODULE_CONFIG_MEMORY } else { raw::REDISMODULE_CONFIG_DEFAULT };
        // SAFETY: the caller's promise; `self` is 'static, which is what the callbacks rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                self.staged.load(Ordering::Relaxed),
                flags as c_uint,
                self.min,
                self.max,
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

/// The digits of an amount of memory, and its unit in bytes. The units are the server's own.
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
    // Without digits it is not a number.
    if unit == 0 { (b"", 1) } else { (digits, unit) }
}

unsafe extern "C" fn get<T>(_name: *const c_char, directive: *mut c_void) -> c_longlong {
    // SAFETY: `register` passed a `&'static Integer<T>` as the private data.
    let directive = unsafe { &*directive.cast::<Integer<T>>() };
    directive.staged.load(Ordering::Relaxed)
}

unsafe extern "C" fn set<T>(
    _name: *const c_char,
    value: c_longlong,
    directive: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Integer<T>` as the private data.
    let directive = unsafe { &*directive.cast::<Integer<T>>() };
    directive.staged.store(value, Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_of_memory_has_the_servers_units() {
        let directive = Bytes::with_units(c"x", 1, 1, 1 << 40);
        for (text, bytes) in [("5", 5), ("16mb", 16 << 20), ("2K", 2000), ("1Gb", 1 << 30)] {
            assert_eq!(directive.set_default(text.as_bytes()), Ok(()), "{text}");
            directive.apply();
            assert_eq!(directive.get(), bytes);
        }
        for text in ["", "mb", "-1", "1.5mb", "1tb", "9999999999gb", "0"] {
            assert!(directive.set_default(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_staged_value_is_read_once_it_is_applied() {
        let directive = Count::<u16>::new(c"x", 5, 1, 10);
        assert_eq!(directive.set_default(b"7"), Ok(()));
        assert_eq!(directive.get(), 5);
        directive.apply();
        assert_eq!(directive.get(), 7);
    }

    #[test]
    fn a_set_value_is_shown_at_once_and_in_force_after_apply() {
        static DIRECTIVE: Count<u16> = Integer::new(c"x", 5, 1, 10);
        let data = std::ptr::from_ref(&DIRECTIVE).cast_mut().cast::<c_void>();
        // SAFETY: `data` is a `&'static Integer<u16>`, as `register` passes.
        unsafe { set::<u16>(std::ptr::null(), 7, data, std::ptr::null_mut()) };
        // SAFETY: as above.
        let shown = unsafe { get::<u16>(std::ptr::null(), data) };
        assert_eq!((DIRECTIVE.get(), shown), (5, 7));
        DIRECTIVE.apply();
        assert_eq!(DIRECTIVE.get(), 7);
    }

    #[test]
    fn an_integer_is_read_as_what_it_means() {
        assert_eq!(Timestamp::from_integer(1_700_000_000), Timestamp(1_700_000_000_000));
        assert_eq!(Timestamp::from_integer(1_700_000_000_000), Timestamp(1_700_000_000_000));
        assert_eq!(u16::from_integer(512), 512);
    }
}
