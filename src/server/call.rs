//! One call of a command: its arguments, the clock, the keys it opens, what it replicates and what it replies.

use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::Display;
use std::ptr;

use redis_module::raw;

use super::api::api;
use super::args::{Arg, Args};
use super::clock;
use super::error::Refusal;
use super::guard::guarded;
use super::key::{ReadKey, WriteKey};
use crate::text::time::Timestamp;

/// What a body of a command comes to: it either replies and returns `Ok`, or replies nothing and returns `Err`, having
/// changed nothing but what the error tells of.
pub type Outcome = Result<(), Refusal>;

/// A running call.
pub struct Call<'a> {
    pub(super) ctx: *mut raw::RedisModuleCtx,
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
    #[inline]
    pub fn now(&self) -> Timestamp {
        clock::now()
    }

    /// Opens a key to read it. An expired one reads as empty, on a replica too.
    pub fn read(&self, name: Arg<'a>) -> ReadKey<'_> {
        ReadKey::open(self.ctx, name.string(), raw::REDISMODULE_READ)
    }

    /// Opens a key to change it.
    pub fn write(&self, name: Arg<'a>) -> WriteKey<'_> {
        WriteKey::open(self.ctx, name)
    }

    /// Sends `command payload` to the replicas and the AOF, a change of what belongs to the node and not to a key.
    pub fn replicate_node_effect(&self, command: &CStr, payload: &[u8]) {
        let replicate = api!(RedisModule_Replicate);
        // SAFETY: `ctx` is this call's. The format names a buffer with its length, which is what follows.
        unsafe {
            replicate(
                self.ctx,
                command.as_ptr(),
                c"b".as_ptr(),
                payload.as_ptr().cast::<c_char>(),
                payload.len(),
            )
        };
    }

    /// Passes an effect on the node that was just applied on, to this replica's own AOF and sub-replicas.
    pub fn pass_node_effect_on(&self) {
        let verbatim = api!(RedisModule_ReplicateVerbatim);
        // SAFETY: `ctx` is this call's.
        unsafe { verbatim(self.ctx) };
    }

    /// Refuses the call unless it comes from the primary's link or from loading the AOF.
    pub fn require_effect_source(&self) -> Result<(), Refusal> {
        let allowed = raw::REDISMODULE_CTX_FLAGS_REPLICATED | raw::REDISMODULE_CTX_FLAGS_LOADING;
        if self.flags() & allowed == 0 { Err(Refusal::EffectOnly) } else { Ok(()) }
    }

    /// Refuses the call on a replica, a writable one too: what belongs to the node is its primary's to change.
    pub fn require_primary(&self) -> Result<(), Refusal> {
        if self.flags() & raw::REDISMODULE_CTX_FLAGS_SLAVE == 0 { Ok(()) } else { Err(Refusal::ReadOnly) }
    }

    /// Whether the server is a node of a cluster.
    pub fn is_in_cluster(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_CLUSTER != 0
    }

    /// The number of the database that the client has selected.
    pub fn database(&self) -> i32 {
        let selected = api!(RedisModule_GetSelectedDb);
        // SAFETY: `ctx` is this call's.
        unsafe { selected(self.ctx) }
    }

    /// Whether the client can be made to wait: not in MULTI or a script.
    pub fn may_wait(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING == 0
    }

    fn flags(&self) -> u32 {
        let get_flags = api!(RedisModule_GetContextFlags);
        // SAFETY: `ctx` is this call's.
        unsafe { get_flags(self.ctx) as u32 }
    }

    /// Starts a reply that is an array: `len` replies follow.
    pub fn reply_array(&self, len: usize) {
        let array = api!(RedisModule_ReplyWithArray);
        // SAFETY: `ctx` is this call's.
        unsafe { array(self.ctx, len as _) };
    }

    /// Starts a record of `len` fields, a name and a value each: a map over RESP3, a flat array over RESP2.
    pub fn reply_map(&self, len: usize) {
        let map = api!(RedisModule_ReplyWithMap);
        // SAFETY: `ctx` is this call's.
        unsafe { map(self.ctx, len as _) };
    }

    /// Replies with an integer.
    pub fn reply_integer(&self, value: u64) {
        let integer = api!(RedisModule_ReplyWithLongLong);
        // SAFETY: `ctx` is this call's.
        unsafe { integer(self.ctx, i64::try_from(value).unwrap_or(i64::MAX)) };
    }

    /// Replies with a string.
    pub fn reply_text(&self, text: &str) {
        let string = api!(RedisModule_ReplyWithStringBuffer);
        // SAFETY: `ctx` is this call's; the server copies the bytes.
        unsafe { string(self.ctx, text.as_ptr().cast::<c_char>(), text.len()) };
    }

    /// Replies that there is nothing.
    pub fn reply_null(&self) {
        let null = api!(RedisModule_ReplyWithNull);
        // SAFETY: `ctx` is this call's.
        unsafe { null(self.ctx) };
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

/// Runs `body` as a call with `args` behind the command's name, in a context that is no client's.
///
/// # Safety
/// `ctx` is live and may open keys and replicate.
pub(super) unsafe fn replay<R>(
    ctx: *mut raw::RedisModuleCtx,
    database: i32,
    args: &[Vec<u8>],
    body: impl FnOnce(&Call<'_>) -> R,
) -> R {
    let select = api!(RedisModule_SelectDb);
    let create = api!(RedisModule_CreateString);
    let free = api!(RedisModule_FreeString);
    // SAFETY: the caller's promise.
    unsafe { select(ctx, database) };
    let make = |arg: &Vec<u8>| {
        // SAFETY: without a context the string is ours to free; the server copies the bytes.
        unsafe { create(ptr::null_mut(), arg.as_ptr().cast::<c_char>(), arg.len()) }
    };
    let mut strings: Vec<_> = args.iter().map(make).collect();
    let count = c_int::try_from(strings.len()).unwrap_or(0);
    // SAFETY: the strings outlive the call, and there are so many.
    let args = unsafe { Args::new(strings.as_mut_ptr(), count, 0) };
    let answer = body(&Call { ctx, args });
    for string in strings {
        // SAFETY: it was made above, and the call that it was an argument of is over.
        unsafe { free(ptr::null_mut(), string) };
    }
    answer
}

/// What the server runs for a command whose body is `handler` and whose name is `words` long: cast, guard, delegate.
///
/// # Safety
/// The arguments are those the server passes to a command function.
#[inline]
pub(super) unsafe fn run(
    handler: impl Fn(&Call<'_>) -> Outcome,
    words: usize,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let call = Call {
        ctx,
        // SAFETY: the caller's promise; the strings outlive the call.
        args: unsafe { Args::new(argv, argc, words) },
    };
    match guarded(|| handler(&call)) {
        Some(Ok(())) => {}
        Some(Err(refusal)) => call.reply_error(&refusal),
        None => call
            .reply_error(&"ERR internal error: the server's log says where; nothing was replied or recorded"),
    }
    raw::REDISMODULE_OK as c_int
}
