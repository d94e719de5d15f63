//! Configuration directives: what one declares about itself, and how the server is told.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void};
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::raw;

use super::api::api;
use super::number;

/// An integer directive, and where its value lives.
///
/// The server checks the bounds before it sets a value; reading one costs a load.
pub struct Directive {
    /// Its name, without the module's.
    pub name: &'static CStr,
    /// The value unless the loadmodule line, redis.conf or CONFIG SET says otherwise.
    pub default: i64,
    /// The least value.
    pub min: i64,
    /// The greatest value.
    pub max: i64,
    value: AtomicI64,
}

impl Directive {
    /// A directive with its default and bounds.
    pub const fn new(name: &'static CStr, default: i64, min: i64, max: i64) -> Self {
        Self { name, default, min, max, value: AtomicI64::new(default) }
    }

    /// The value in force.
    #[inline]
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Takes `text` of the loadmodule line as the default.
    fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let value = number::unsigned(text).and_then(|value| i64::try_from(value).ok());
        match value.filter(|value| (self.min..=self.max).contains(value)) {
            Some(value) => {
                self.value.store(value, Ordering::Relaxed);
                Ok(())
            }
            None => Err(format!(
                "{} must be an integer from {} to {}",
                self.name.to_string_lossy(),
                self.min,
                self.max
            )),
        }
    }

    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterNumericConfig);
        // SAFETY: the caller's promise; `self` is 'static, which is what `get` and `set` rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                self.get(),
                raw::REDISMODULE_CONFIG_DEFAULT as c_uint,
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

/// Takes the arguments of the loadmodule line (`name value …`) as defaults.
pub(super) fn take_defaults<'a>(
    directives: &[&Directive],
    mut args: impl Iterator<Item = &'a [u8]>,
) -> Result<(), String> {
    while let Some(name) = args.next() {
        let shown = String::from_utf8_lossy(name);
        let Some(directive) = directives.iter().find(|d| d.name.to_bytes().eq_ignore_ascii_case(name)) else {
            let known: Vec<_> = directives.iter().map(|d| d.name.to_string_lossy()).collect();
            return Err(format!("no directive is called {shown:?}; there is {}", known.join(", ")));
        };
        let value = args.next().ok_or_else(|| format!("{shown} has no value"))?;
        directive.set_default(value)?;
    }
    Ok(())
}

/// Registers the directives and lets redis.conf set them.
///
/// # Safety
/// `ctx` is the context of a running OnLoad.
pub(super) unsafe fn register(
    ctx: *mut raw::RedisModuleCtx,
    directives: &[&'static Directive],
) -> Result<(), String> {
    for directive in directives {
        // SAFETY: the caller's promise.
        if !unsafe { directive.register(ctx) } {
            return Err(format!("the server refused the directive {:?}", directive.name));
        }
    }
    let load = api!(RedisModule_LoadConfigs);
    // SAFETY: the caller's promise.
    if unsafe { load(ctx) } != raw::REDISMODULE_OK as c_int {
        return Err("a lockwatch directive in the server's configuration has a bad value".into());
    }
    Ok(())
}

unsafe extern "C" fn get(_name: *const c_char, directive: *mut c_void) -> c_longlong {
    // SAFETY: `register` passed a `&'static Directive` as the private data.
    let directive = unsafe { &*directive.cast::<Directive>() };
    directive.get()
}

unsafe extern "C" fn set(
    _name: *const c_char,
    value: c_longlong,
    directive: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Directive` as the private data.
    let directive = unsafe { &*directive.cast::<Directive>() };
    directive.value.store(value, Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}
