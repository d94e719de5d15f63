//! Clients that wait for an answer from a worker.

use std::ffi::{c_int, c_void};
use std::ptr;

use super::api::api;
use super::call::{self, Call, Outcome};
use super::error::Refusal;
use super::raw;

/// Replies to a waiting client.
pub(crate) type Answer = Box<dyn Fn(&Call<'_>) -> Outcome + Send>;

/// A client that waits. Its holder must answer it exactly once and in bounded time, even if the
/// client has disconnected.
pub(crate) struct Waiting {
    client: *mut raw::RedisModuleBlockedClient,
}

// SAFETY: the server's handle of a blocked client may be unblocked from any thread.
unsafe impl Send for Waiting {}

impl Call<'_> {
    /// Blocks the client until it is answered. Refused in MULTI and scripts, before anything
    /// changes.
    pub(crate) fn wait(&self) -> Result<Waiting, Refusal> {
        if !self.may_wait() {
            return Err(Refusal::malformed("this command waits, which MULTI and scripts do not allow"));
        }
        // SAFETY: `ctx` is this call's, which may block.
        Ok(unsafe { Waiting::begin(self.ctx) })
    }
}

impl Waiting {
    /// Blocks the client of a running call.
    ///
    /// # Safety
    /// `ctx` is the context of a running command that replies nothing itself and may block.
    pub(super) unsafe fn begin(ctx: *mut raw::RedisModuleCtx) -> Self {
        let block = api!(RedisModule_BlockClient);
        // No server-side timeout: when it expires at the moment of the answer, Redis 7.0 sends no
        // reply at all, and the client takes every later reply for an earlier command's.
        // SAFETY: the caller's promise.
        let client = unsafe { block(ctx, Some(reply), None, Some(free_answer), 0) };
        Self { client }
    }

    /// Answers the client, if it still waits.
    pub(crate) fn answer(self, answer: Answer) {
        let unblock = api!(RedisModule_UnblockClient);
        let data = Box::into_raw(Box::new(answer));
        // SAFETY: `client` came from RedisModule_BlockClient and is unblocked once, since `self` is
        // consumed. `data` is given back to `free_answer`.
        unsafe { unblock(self.client, data.cast::<c_void>()) };
    }
}

unsafe extern "C" fn reply(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let get = api!(RedisModule_GetBlockedClientPrivateData);
    // SAFETY: `ctx` is that of a reply callback.
    let data = unsafe { get(ctx) }.cast::<Answer>();
    // SAFETY: `data` is what `answer` passed, alive until `free_answer`.
    let Some(answer) = (unsafe { data.as_ref() }) else { return raw::REDISMODULE_ERR as c_int };
    // SAFETY: the arguments are those of the command that waits.
    unsafe { call::run(answer, 1, ctx, argv, argc) }
}

unsafe extern "C" fn free_answer(_ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    let data = data.cast::<Answer>();
    if !ptr::eq(data, ptr::null()) {
        // SAFETY: `data` came from `Box::into_raw` in `answer`, and the server passes it once.
        drop(unsafe { Box::from_raw(data) });
    }
}
