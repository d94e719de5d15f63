//! Directives that are texts: paths, lists and names. Most are empty unless something is configured.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use redis_module::raw;

use super::super::api::api;
use super::super::guard::guarded;

/// Reads a text and puts what it means in force, or says why it can't be used and changes nothing.
///
/// It runs on the main thread, before the module has finished loading too.
pub type Take = fn(&[u8]) -> Result<(), String>;

/// A directive that is a text.
pub struct Text {
    /// Its name, without the module's.
    pub name: &'static CStr,
    take: Take,
    /// What it is unless something is configured.
    initial: &'static CStr,
    /// What the loadmodule line says.
    default: Mutex<Option<CString>>,
    /// The text in force, as the server's getter wants it; owned by this directive.
    shown: AtomicPtr<raw::RedisModuleString>,
}

impl Text {
    /// A directive that is empty at first.
    pub const fn new(name: &'static CStr, take: Take) -> Self {
        Self::with_default(name, c"", take)
    }

    /// A directive that is `initial` at first.
    pub const fn with_default(name: &'static CStr, initial: &'static CStr, take: Take) -> Self {
        Self { name, take, initial, default: Mutex::new(None), shown: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(super) fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let text = CString::new(text).map_err(|_| "must not hold a NUL".to_owned())?;
        *self.default.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        Ok(())
    }

    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterStringConfig);
        let default = self.default.lock().unwrap_or_else(PoisonError::into_inner);
        let default = default.as_deref().unwrap_or(self.initial);
        self.show(default.to_bytes());
        // SAFETY: the caller's promise; the server copies the default, and `self` is 'static, which is what `get`
        // and `set` rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                default.as_ptr(),
                raw::REDISMODULE_CONFIG_DEFAULT as c_uint,
                Some(get),
                Some(set),
                None,
                ptr::from_ref(self).cast_mut().cast(),
            )
        };
        answer == raw::REDISMODULE_OK as c_int
    }

    /// From now on the getter shows `text`.
    fn show(&self, text: &[u8]) {
        let old = self.shown.swap(server_string(text), Ordering::Relaxed);
        if !old.is_null() {
            let free = api!(RedisModule_FreeString);
            // SAFETY: this directive made the string, without a context, and nobody else holds it.
            unsafe { free(ptr::null_mut(), old) };
        }
    }
}

/// A string of the server's, owned by the caller.
fn server_string(text: &[u8]) -> *mut raw::RedisModuleString {
    let create = api!(RedisModule_CreateString);
    // SAFETY: without a context the string is the caller's to free; the server copies the bytes.
    unsafe { create(ptr::null_mut(), text.as_ptr().cast::<c_char>(), text.len()) }
}

unsafe extern "C" fn get(_name: *const c_char, directive: *mut c_void) -> *mut raw::RedisModuleString {
    // SAFETY: `register` passed a `&'static Text` as the private data.
    let directive = unsafe { &*directive.cast::<Text>() };
    directive.shown.load(Ordering::Relaxed)
}

unsafe extern "C" fn set(
    _name: *const c_char,
    value: *mut raw::RedisModuleString,
    directive: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Text` as the private data.
    let directive = unsafe { &*directive.cast::<Text>() };
    let string_ptr_len = api!(RedisModule_StringPtrLen);
    let mut len = 0_usize;
    // SAFETY: the server passes a live string; `len` is where its length goes.
    let data = unsafe { string_ptr_len(value, &mut len) };
    // SAFETY: the string holds `len` bytes at `data` for as long as this callback runs.
    let text = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    let taken = guarded(|| (directive.take)(text)).unwrap_or_else(|| Err("internal error".into()));
    match taken {
        Ok(()) => {
            directive.show(text);
            raw::REDISMODULE_OK as c_int
        }
        Err(why) => {
            // SAFETY: `error` is where the server wants the reason; it frees the string.
            unsafe { *error = server_string(why.as_bytes()) };
            raw::REDISMODULE_ERR as c_int
        }
    }
}
