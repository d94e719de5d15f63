//! Clients that wait for an answer which the main thread does not have yet.

use std::ffi::{c_int, c_void};
use std::ptr;

use redis_module::raw;

use super::api::api;
use super::call::{self, Call, Outcome};

/// How a waiting client is answered in the end.
pub type Answer = Box<dyn Fn(&Call<'_>) -> Outcome + Send>;

/// A client that waits. It must be answered exactly once, even if it has gone. How long that may take is for its holder to
/// see to.
pub struct Waiting {
    client: *mut raw::RedisModuleBlockedClient,
}

// SAFETY: the server's handle of a blocked client may be unblocked from any thread.
unsafe impl Send for Waiting {}

impl Waiting {
    /// # Safety
    /// `ctx` is the context of a running command that replies nothing itself and may block.
    pub(super) unsafe fn begin(ctx: *mut raw::RedisModuleCtx) -> Self {
        let block = api!(RedisModule_BlockClient);
        // Without a time of its own: Redis 7.0 gives no reply at all to a client whose time is up just when it is
        // answered, and everything that it asked for afterwards then seems to be the answer to something else.
        // SAFETY: the caller's promise.
        let client = unsafe { block(ctx, Some(reply), None, Some(free_answer), 0) };
        Self { client }
    }

    /// Answers the client, if it still waits.
    pub fn answer(self, answer: Answer) {
        let unblock = api!(RedisModule_UnblockClient);
        let data = Box::into_raw(Box::new(answer));
        // SAFETY: `client` came from RedisModule_BlockClient and is unblocked once, since `self` is consumed. `data`
        // is given back to `free_answer`.
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
