//! The strings that the server exchanges with a directive that is a string to it.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::super::api::api;
use crate::server::raw;

/// What the getter of a directive has returned last. The server copies it, and leaves it to the
/// directive to free.
pub(super) struct Shown(AtomicPtr<raw::RedisModuleString>);

impl Shown {
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Makes a string of `text` that lives until the next call; null without a text.
    pub(super) fn replace(&self, text: Option<&[u8]>) -> *mut raw::RedisModuleString {
        let new = text.map_or(ptr::null_mut(), server_string);
        let old = self.0.swap(new, Ordering::Relaxed);
        if !old.is_null() {
            let free = api!(RedisModule_FreeString);
            // SAFETY: `server_string` made the string, without a context, and nobody else holds it.
            unsafe { free(ptr::null_mut(), old) };
        }
        new
    }
}

/// Calls `stage` with the bytes of `value`, and tells the server whether it was accepted.
///
/// # Safety
/// `value` is a live string of the server's, and `error` is valid for a write.
pub(super) unsafe fn set_text(
    value: *mut raw::RedisModuleString,
    error: *mut *mut raw::RedisModuleString,
    stage: impl FnOnce(&[u8]) -> Result<(), String>,
) -> c_int {
    let string_ptr_len = api!(RedisModule_StringPtrLen);
    let mut len = 0_usize;
    // SAFETY: the caller's promise; `len` is where the length goes.
    let data = unsafe { string_ptr_len(value, &mut len) };
    // SAFETY: the string holds `len` bytes at `data` for as long as this callback runs.
    let text = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    match stage(text) {
        Ok(()) => raw::REDISMODULE_OK as c_int,
        Err(why) => {
            // SAFETY: the caller's promise; the server frees the string.
            unsafe { *error = server_string(why.as_bytes()) };
            raw::REDISMODULE_ERR as c_int
        }
    }
}

/// A string of the server's, owned by the caller.
fn server_string(text: &[u8]) -> *mut raw::RedisModuleString {
    let create = api!(RedisModule_CreateString);
    // SAFETY: without a context the string is the caller's to free; the server copies the bytes.
    unsafe { create(ptr::null_mut(), text.as_ptr().cast::<c_char>(), text.len()) }
}
