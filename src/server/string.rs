//! Keys that hold a plain string.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::api::api;
use super::error::Refusal;
use super::key::{WriteKey, signal_modified};
use super::raw;
use super::replicated;
use crate::text::time::Timestamp;

impl WriteKey<'_> {
    /// The bytes of the string, or `None` if the key does not exist. An error if it has another
    /// type.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Option<&[u8]>, Refusal> {
        let (start, len) = self.memory(raw::REDISMODULE_READ);
        if start.is_null() {
            return Err(Refusal::WrongType);
        }
        if len == 0 && self.is_missing() {
            return Ok(None);
        }
        // SAFETY: the server's string has `len` bytes at `start`, which stay in place while the key
        // is open and borrowed.
        Ok(Some(unsafe { std::slice::from_raw_parts(start, len) }))
    }

    /// Sets the key, which must be a string or not exist, to `text`. Keeps the key's expiry.
    #[inline]
    pub(crate) fn set_string(&mut self, text: &[u8]) {
        let (mut start, mut len) = self.memory(raw::REDISMODULE_WRITE);
        if len != text.len() {
            let resize = api!(RedisModule_StringTruncate);
            // SAFETY: the key is open for writing. The server makes a string if there is none.
            unsafe { resize(self.raw(), text.len()) };
            (start, len) = self.memory(raw::REDISMODULE_WRITE);
        }
        if !start.is_null() && len == text.len() {
            // SAFETY: the server's string has `len` bytes at `start` and nobody else uses them.
            unsafe { ptr::copy_nonoverlapping(text.as_ptr(), start, len) };
        }
    }

    /// Closes the key and replicates `command key text time` to replicas and the AOF in place of
    /// the running call. Signals the change to WATCH and client-side caches.
    #[inline]
    pub(crate) fn replicate_string(self, command: &CStr, text: &[u8], time: Timestamp) {
        let (ctx, name) = self.close();
        let replicate = api!(RedisModule_Replicate);
        let (start, len) = (text.as_ptr().cast::<c_char>(), text.len());
        let time = i64::try_from(time.0).unwrap_or(i64::MAX);
        // SAFETY: `ctx` is the running call's. The format names a server string, a buffer with its
        // length, and a long long, and those follow.
        replicated::check(unsafe {
            replicate(ctx, command.as_ptr(), c"sbl".as_ptr(), name, start, len, time)
        });
        signal_modified(ctx, name);
    }

    /// The memory of the string and its length, for reading or writing. Null if the key has another
    /// type.
    #[inline]
    fn memory(&mut self, mode: u32) -> (*mut u8, usize) {
        let string_dma = api!(RedisModule_StringDMA);
        let mut len = 0_usize;
        // SAFETY: the key is open for writing; `len` is where the length goes.
        let start = unsafe { string_dma(self.raw(), &mut len, mode as c_int) };
        (start.cast(), len)
    }

    fn is_missing(&self) -> bool {
        let key_type = api!(RedisModule_KeyType);
        // SAFETY: the key is open.
        unsafe { key_type(self.raw()) as isize == raw::REDISMODULE_KEYTYPE_EMPTY }
    }
}
