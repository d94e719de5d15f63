//! One call of a command: its arguments, the clock, the keys it opens, what it replicates and what it replies.

use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::Display;
use std::marker::PhantomData;

use redis_module::raw;

use super::api::api;
use super::args::{Arg, Args};
use super::error::Refusal;
use super::guard::guarded;
use super::key::{ReadKey, WriteKey};
use super::time::Timestamp;

/// A command's body. It either replies and returns `Ok`, or changes nothing, replies nothing and returns `Err`.
pub type Handler = fn(&Call<'_>) -> Result<(), Refusal>;

/// A running call.
pub struct Call<'a> {
    ctx: *mut raw::RedisModuleCtx,
    args: Args<'a>,
}

impl<'a> Call<'a> {
    /// A cursor at the first argument behind the command's name.
    pub fn args(&self) -> Args<'a> {
        self.args.clone()
    }

    /// The key, which is the first argument, and a cursor behind it.
    ///
    /// Only for commands whose spec has a key: the server checks the arity before it runs one.
    #[inline]
    pub fn key_and_args(&self) -> (Arg<'a>, Args<'a>) {
        let mut args = self.args.clone();
        match args.next() {
            Some(key) => (key, args),
            None => no_key(),
        }
    }

    /// The server's wall clock. A command reads it once.
    pub fn now(&self) -> Timestamp {
        let milliseconds = api!(RedisModule_Milliseconds);
        // SAFETY: RedisModule_Milliseconds has no preconditions.
        let ms = unsafe { milliseconds() };
        Timestamp(u64::try_from(ms).unwrap_or(0))
    }

    /// Opens a key to read it. An expired one reads as empty, on a replica too.
    pub fn read(&self, name: Arg<'a>) -> ReadKey<'_> {
        ReadKey::open(self.ctx, name.string(), raw::REDISMODULE_READ)
    }

    /// Opens a key to change it.
    pub fn write(&self, name: Arg<'a>) -> WriteKey<'_> {
        WriteKey::new(ReadKey::open(self.ctx, name.string(), raw::REDISMODULE_READ | raw::REDISMODULE_WRITE))
    }

    /// Sends `command key payload` to the replicas and the AOF in place of the call that is running, and tells
    /// WATCH and client-side caches that the key has changed.
    pub fn replicate_effect(&self, command: &CStr, key: Arg<'a>, payload: &[u8]) {
        let replicate = api!(RedisModule_Replicate);
        // SAFETY: `ctx` is this call's. The format names a server string and a buffer with its length (`b` reads
        // a pointer and a size_t), which is what follows.
        unsafe {
            replicate(
                self.ctx,
                command.as_ptr(),
                c"sb".as_ptr(),
                key.string(),
                payload.as_ptr().cast::<c_char>(),
                payload.len(),
            )
        };
        self.signal_modified(key);
    }

    /// Passes an effect that was just applied on, to this replica's own AOF and sub-replicas.
    pub fn pass_effect_on(&self, key: Arg<'a>) {
        let verbatim = api!(RedisModule_ReplicateVerbatim);
        // SAFETY: `ctx` is this call's.
        unsafe { verbatim(self.ctx) };
        self.signal_modified(key);
    }

    fn signal_modified(&self, key: Arg<'a>) {
        let signal = api!(RedisModule_SignalModifiedKey);
        // SAFETY: `ctx` is this call's and `key` one of its arguments.
        unsafe { signal(self.ctx, key.string()) };
    }

    /// Refuses the call unless it comes from the primary's link or from loading the AOF.
    pub fn require_effect_source(&self) -> Result<(), Refusal> {
        let get_flags = api!(RedisModule_GetContextFlags);
        // SAFETY: `ctx` is this call's.
        let flags = unsafe { get_flags(self.ctx) };
        let allowed = raw::REDISMODULE_CTX_FLAGS_REPLICATED | raw::REDISMODULE_CTX_FLAGS_LOADING;
        if flags as u32 & allowed == 0 { Err(Refusal::EffectOnly) } else { Ok(()) }
    }

    /// Replies with an array of integers.
    #[inline]
    pub fn reply_integers<const N: usize>(&self, values: [i64; N]) {
        let array = api!(RedisModule_ReplyWithArray);
        let integer = api!(RedisModule_ReplyWithLongLong);
        // SAFETY: `ctx` is this call's.
        unsafe { array(self.ctx, N as _) };
        for value in values {
            // SAFETY: `ctx` is this call's.
            unsafe { integer(self.ctx, value) };
        }
    }

    /// Replies `OK`.
    pub fn reply_ok(&self) {
        let simple = api!(RedisModule_ReplyWithSimpleString);
        // SAFETY: `ctx` is this call's, and the string is NUL-terminated.
        unsafe { simple(self.ctx, c"OK".as_ptr()) };
    }

    #[cold]
    fn reply_error(&self, error: &dyn Display) {
        // A line break would end the reply early and a NUL the string; neither is let through, whatever is shown.
        let line: Vec<u8> = error.to_string().bytes().map(|b| if b < b' ' { b' ' } else { b }).collect();
        let text = CString::new(line).unwrap_or_default();
        let reply = api!(RedisModule_ReplyWithError);
        // SAFETY: `ctx` is this call's, and the string is NUL-terminated.
        unsafe { reply(self.ctx, text.as_ptr()) };
    }
}

#[cold]
fn no_key() -> ! {
    panic!("a command with a key has an arity below 2")
}

/// What the server runs for a command whose body is `handler`: cast, guard, delegate.
///
/// # Safety
/// The arguments are those the server passes to a command function.
#[inline]
pub(super) unsafe fn run(
    handler: Handler,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let call = Call {
        ctx,
        // SAFETY: the caller's promise; the strings outlive the call.
        args: unsafe { Args::new(argv, argc) },
    };
    match guarded(|| handler(&call)) {
        Some(Ok(())) => {}
        Some(Err(refusal)) => call.reply_error(&refusal),
        None => call
            .reply_error(&"ERR internal error: the server's log says where; nothing was replied or recorded"),
    }
    raw::REDISMODULE_OK as c_int
}

/// Keeps a lifetime that raw pointers don't carry.
pub(super) type Borrowed<'a> = PhantomData<&'a ()>;
