//! The server's log.

use std::ffi::CString;
use std::ptr;

use super::api::api_if_any;

/// Logs a line at the server's level `warning`.
pub(crate) fn warning(message: &str) {
    // A line break could forge a log line, and a NUL would end the string early.
    let clean: Vec<u8> = message.bytes().map(|b| if b < b' ' { b' ' } else { b }).collect();
    let Ok(text) = CString::new(clean) else { return };
    // Unit tests run without a server and have no log.
    let Some(log) = api_if_any!(RedisModule_Log) else { return };
    // SAFETY: RedisModule_Log takes a null context; the strings are NUL-terminated, and the
    // format reads the one argument that is passed.
    unsafe { log(ptr::null_mut(), c"warning".as_ptr(), c"%s".as_ptr(), text.as_ptr()) };
}
