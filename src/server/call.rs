//! A running call of a command: its arguments, the clock, keys, replication and replies.

use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::Display;
use std::ptr;

use super::api::api;
use super::args::{Arg, Args};
use super::clock;
use super::error::Refusal;
use super::guard::guarded;
use super::key::{ReadKey, WriteKey};
use super::raw;
use super::replicated;
use crate::text::time::Timestamp;

/// The result of a command. It either replies and returns `Ok`, or replies nothing and returns
/// `Err`. An error changes nothing except what it reports.
pub(crate) type Outcome = Result<(), Refusal>;

/// Where an effect goes.
#[derive(Clone, Copy)]
pub(crate) enum Destination {
    ReplicasAndAof,
    Replicas,
}

impl Destination {
    /// The format of RedisModule_Replicate for one buffer with its length.
    pub(super) fn format(self) -> &'static CStr {
        match self {
            Self::ReplicasAndAof => c"b",
            Self::Replicas => c"bA",
        }
    }
}

pub(crate) struct Call<'a> {
    pub(super) ctx: *mut raw::RedisModuleCtx,
    args: Args<'a>,
}

impl<'a> Call<'a> {
    /// The arguments behind the command's name.
    pub(crate) fn args(&self) -> Args<'a> {
        self.args.clone()
    }

    /// The key, which is the first argument, and the arguments behind it.
    ///
    /// Only for commands whose spec has a key, because the server checks the arity.
    #[inline]
    pub(crate) fn key_and_args(&self) -> (Arg<'a>, Args<'a>) {
        let mut args = self.args.clone();
        match args.next() {
            Some(key) => (key, args),
            None => no_key(),
        }
    }

    /// The server's wall clock. A command reads it once.
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        clock::now()
    }

    /// The same clock in nanoseconds since 1970.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        clock::now_ns()
    }

    /// Opens a key for reading. An expired key reads as missing, on a replica as well.
    pub(crate) fn read(&self, name: Arg<'a>) -> ReadKey<'_> {
        ReadKey::open(self.ctx, name.string(), raw::REDISMODULE_READ)
    }

    /// Opens a key for reading, but leaves its idle time and frequency, and where the server can
    /// do that (from Redis 7.2 on) also the counts of hits and misses, as they are.
    pub(crate) fn read_untouched(&self, name: Arg<'a>) -> ReadKey<'_> {
        let mode = raw::REDISMODULE_READ
            | raw::REDISMODULE_OPEN_KEY_NOTOUCH
            | raw::REDISMODULE_OPEN_KEY_NONOTIFY
            | raw::REDISMODULE_OPEN_KEY_NOSTATS;
        ReadKey::open(self.ctx, name.string(), mode)
    }

    /// Opens a key for writing.
    pub(crate) fn write(&self, name: Arg<'a>) -> WriteKey<'_> {
        WriteKey::open(self.ctx, name)
    }

    /// Replicates `command payload`, a change of the node's state.
    pub(crate) fn replicate_node_effect(&self, command: &CStr, payload: &[u8], to: Destination) {
        let replicate = api!(RedisModule_Replicate);
        // SAFETY: `ctx` is this call's. The format names a buffer with its length, which is what
        // follows.
        let answer = unsafe {
            replicate(
                self.ctx,
                command.as_ptr(),
                to.format().as_ptr(),
                payload.as_ptr().cast::<c_char>(),
                payload.len(),
            )
        };
        replicated::check(answer);
    }

    /// Replicates the running effect command to this replica's own AOF. Its own replicas get the
    /// command from the server in any case.
    pub(crate) fn pass_node_effect_on(&self) {
        let verbatim = api!(RedisModule_ReplicateVerbatim);
        // SAFETY: `ctx` is this call's.
        unsafe { verbatim(self.ctx) };
    }

    /// Refuses the call unless it comes from the primary's link or from loading.
    pub(crate) fn require_effect_source(&self) -> Result<(), Refusal> {
        let allowed = raw::REDISMODULE_CTX_FLAGS_REPLICATED | raw::REDISMODULE_CTX_FLAGS_LOADING;
        if self.flags() & allowed == 0 { Err(Refusal::EffectOnly) } else { Ok(()) }
    }

    /// Refuses the call on a replica, even a writable one: only the primary changes the node's
    /// state.
    pub(crate) fn require_primary(&self) -> Result<(), Refusal> {
        if self.flags() & raw::REDISMODULE_CTX_FLAGS_SLAVE == 0 { Ok(()) } else { Err(Refusal::ReadOnly) }
    }

    pub(crate) fn is_in_cluster(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_CLUSTER != 0
    }

    /// The database that the client has selected.
    pub(crate) fn database(&self) -> i32 {
        let selected = api!(RedisModule_GetSelectedDb);
        // SAFETY: `ctx` is this call's.
        unsafe { selected(self.ctx) }
    }

    /// The ACL user of the caller, if it is a client.
    pub(crate) fn acl_user(&self) -> Option<String> {
        let client_id = api!(RedisModule_GetClientId);
        let name = api!(RedisModule_GetClientUserNameById);
        let bytes = api!(RedisModule_StringPtrLen);
        let free = api!(RedisModule_FreeString);
        // SAFETY: `ctx` is this call's.
        let client = unsafe { client_id(self.ctx) };
        // SAFETY: `ctx` is this call's. A client that does not exist has no name.
        let string = unsafe { name(self.ctx, client) };
        if string.is_null() {
            return None;
        }
        let mut len = 0_usize;
        // SAFETY: `string` was returned above; `len` is where its length goes.
        let data = unsafe { bytes(string, &mut len) };
        // SAFETY: the string holds `len` bytes at `data` until it is freed below.
        let user = String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(data.cast(), len) });
        let user = user.into_owned();
        // SAFETY: `string` was returned with this context and is freed once.
        unsafe { free(self.ctx, string) };
        Some(user)
    }

    /// The number by which the server knows the caller's connection. `None` in scripts and where
    /// no client has made the call.
    pub(crate) fn connected_client(&self) -> Option<u64> {
        // Valkey 9 gives a script's calls the connection of its caller, other servers one of none.
        if self.flags() & raw::REDISMODULE_CTX_FLAGS_LUA != 0 {
            return None;
        }
        let client_id = api!(RedisModule_GetClientId);
        let describe = api!(RedisModule_GetClientInfoById);
        // SAFETY: `ctx` is this call's.
        let client = unsafe { client_id(self.ctx) };
        // SAFETY: without a place for the description, the server only looks the client up.
        let is_connected = unsafe { describe(ptr::null_mut(), client) } == raw::REDISMODULE_OK as c_int;
        is_connected.then_some(client)
    }

    /// Whether the client may block. False in MULTI and scripts.
    pub(crate) fn may_wait(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING == 0
    }

    fn flags(&self) -> u32 {
        let get_flags = api!(RedisModule_GetContextFlags);
        // SAFETY: `ctx` is this call's.
        unsafe { get_flags(self.ctx) as u32 }
    }

    /// Starts an array reply: `len` replies follow.
    pub(crate) fn reply_array(&self, len: usize) {
        let array = api!(RedisModule_ReplyWithArray);
        // SAFETY: `ctx` is this call's.
        unsafe { array(self.ctx, len as _) };
    }

    /// Starts a record reply of `len` fields: a map in RESP3, a flat array of names and values in
    /// RESP2.
    pub(crate) fn reply_map(&self, len: usize) {
        let map = api!(RedisModule_ReplyWithMap);
        // SAFETY: `ctx` is this call's.
        unsafe { map(self.ctx, len as _) };
    }

    pub(crate) fn reply_integer(&self, value: u64) {
        let integer = api!(RedisModule_ReplyWithLongLong);
        // SAFETY: `ctx` is this call's.
        unsafe { integer(self.ctx, i64::try_from(value).unwrap_or(i64::MAX)) };
    }

    /// Replies with -1 for `None`.
    pub(crate) fn reply_integer_or_minus_one(&self, value: Option<u64>) {
        let integer = api!(RedisModule_ReplyWithLongLong);
        let value = value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX));
        // SAFETY: `ctx` is this call's.
        unsafe { integer(self.ctx, value) };
    }

    pub(crate) fn reply_text(&self, text: &str) {
        self.reply_bytes(text.as_bytes());
    }

    pub(crate) fn reply_bytes(&self, bytes: &[u8]) {
        let string = api!(RedisModule_ReplyWithStringBuffer);
        // SAFETY: `ctx` is this call's; the server copies the bytes.
        unsafe { string(self.ctx, bytes.as_ptr().cast::<c_char>(), bytes.len()) };
    }

    /// Replies -1, which means never.
    pub(crate) fn reply_never(&self) {
        let integer = api!(RedisModule_ReplyWithLongLong);
        // SAFETY: `ctx` is this call's.
        unsafe { integer(self.ctx, -1) };
    }

    pub(crate) fn reply_null(&self) {
        let null = api!(RedisModule_ReplyWithNull);
        // SAFETY: `ctx` is this call's.
        unsafe { null(self.ctx) };
    }

    #[inline]
    pub(crate) fn reply_integers<const N: usize>(&self, values: [i64; N]) {
        let array = api!(RedisModule_ReplyWithArray);
        let integer = api!(RedisModule_ReplyWithLongLong);
        // SAFETY: `ctx` is this call's.
        unsafe { array(self.ctx, N as _) };
        for value in values {
            // SAFETY: `ctx` is this call's.
            unsafe { integer(self.ctx, value) };
        }
    }

    /// Like [`Self::reply_integers`], for a number of integers that depends on the call.
    pub(crate) fn reply_integer_slice(&self, values: &[i64]) {
        self.reply_array(values.len());
        let integer = api!(RedisModule_ReplyWithLongLong);
        for &value in values {
            // SAFETY: `ctx` is this call's.
            unsafe { integer(self.ctx, value) };
        }
    }

    pub(crate) fn reply_ok(&self) {
        let simple = api!(RedisModule_ReplyWithSimpleString);
        // SAFETY: `ctx` is this call's, and the string is NUL-terminated.
        unsafe { simple(self.ctx, c"OK".as_ptr()) };
    }

    #[cold]
    fn reply_error(&self, error: &dyn Display) {
        // Replaces control characters: a line break would end the reply early, and a NUL would end
        // the string.
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

/// Runs `body` as a call with `args` behind the command's name, in a context without a client.
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
    // SAFETY: `strings` has `count` elements and outlives the call.
    let args = unsafe { Args::new(strings.as_mut_ptr(), count, 0) };
    let answer = body(&Call { ctx, args });
    for string in strings {
        // SAFETY: it was made above, and the call that it was an argument of is over.
        unsafe { free(ptr::null_mut(), string) };
    }
    answer
}

/// The entry point of every command: casts the arguments, sets up the panic guard, runs `handler`.
/// The command's name has `words` words.
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
