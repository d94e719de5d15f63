//! What the server tells a module besides commands: that it is about to sleep, loads, forks, changes its role, ends.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use redis_module::raw;

use super::api::api;
use super::call::{self, Call};
use super::directive;
use super::guard::guarded;
use crate::text::time::Timestamp;

/// What a module does at those moments. All run on the main thread.
///
/// State may be changed and replicated in `before_sleep` alone, by a primary, and only if
/// [`Tick::may_propagate`]: the server aborts or
/// propagates the wrong thing if it is done in the others, which therefore only set flags and clear state.
pub struct Hooks {
    /// The module loads, and the directives of the configuration file are in force. An error keeps it from loading.
    pub configured: fn() -> Result<(), String>,
    /// A CONFIG SET that named a directive of the module has succeeded. What it set is in force.
    pub config_set: fn(),
    /// The event loop is about to sleep: at least ten times a second, and after every batch of commands.
    pub before_sleep: fn(&Tick),
    /// An RDB, an AOF or a full sync is about to be loaded: state that it brings must be cleared.
    pub loading_began: fn(),
    /// Loading is over, whether or not it succeeded.
    pub loading_ended: fn(),
    /// This server has become a primary.
    pub promoted: fn(),
    /// This server has become a replica.
    pub demoted: fn(),
    /// A child was forked: to rewrite the AOF, or for something else.
    pub forked: fn(bool),
    /// The server shuts down. What had to be saved is saved.
    pub shutdown: fn(),
}

static HOOKS: AtomicPtr<Hooks> = AtomicPtr::new(ptr::null_mut());

fn hooks() -> Option<&'static Hooks> {
    // SAFETY: null, or the `&'static Hooks` that `subscribe` stored.
    unsafe { HOOKS.load(Ordering::Relaxed).as_ref() }
}

/// Subscribes `hooks` to the events. Returns whether the server accepted all.
///
/// # Safety
/// `ctx` is the context of a running OnLoad.
pub(super) unsafe fn subscribe(ctx: *mut raw::RedisModuleCtx, hooks: &'static Hooks) -> bool {
    HOOKS.store(ptr::from_ref(hooks).cast_mut(), Ordering::Relaxed);
    let events = [
        raw::REDISMODULE_EVENT_EVENTLOOP,
        raw::REDISMODULE_EVENT_LOADING,
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        raw::REDISMODULE_EVENT_FORK_CHILD,
        raw::REDISMODULE_EVENT_SHUTDOWN,
        raw::REDISMODULE_EVENT_CONFIG,
    ];
    let subscribe = api!(RedisModule_SubscribeToServerEvent);
    events.into_iter().all(|id| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: the caller's promise.
        unsafe { subscribe(ctx, event, Some(on_event)) == raw::REDISMODULE_OK as c_int }
    })
}

unsafe extern "C" fn on_event(
    ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    subevent: u64,
    data: *mut c_void,
) {
    let Some(hooks) = hooks() else { return };
    match (event.id, subevent) {
        (raw::REDISMODULE_EVENT_EVENTLOOP, raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP) => {
            guarded(|| (hooks.before_sleep)(&Tick { ctx }));
        }
        (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_RDB_START)
        | (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_AOF_START)
        | (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_REPL_START) => {
            guarded(hooks.loading_began);
        }
        (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_ENDED)
        | (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_FAILED) => {
            guarded(hooks.loading_ended);
        }
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, 0) => {
            guarded(hooks.promoted);
        }
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, _) => {
            guarded(hooks.demoted);
        }
        (raw::REDISMODULE_EVENT_FORK_CHILD, raw::REDISMODULE_SUBEVENT_FORK_CHILD_BORN) => {
            // SAFETY: `ctx` is that of the running event.
            guarded(|| (hooks.forked)(unsafe { rewrites_aof(ctx) }));
        }
        (raw::REDISMODULE_EVENT_SHUTDOWN, _) => {
            guarded(hooks.shutdown);
        }
        (raw::REDISMODULE_EVENT_CONFIG, _) => {
            // SAFETY: the server passes what CONFIG SET has set as the data of this event.
            if guarded(|| unsafe { directive::config_set(data.cast()) }) == Some(true) {
                guarded(hooks.config_set);
            }
        }
        _ => {}
    }
}

/// Whether the server's child rewrites the AOF.
///
/// # Safety
/// `ctx` is the context of a running event.
unsafe fn rewrites_aof(ctx: *mut raw::RedisModuleCtx) -> bool {
    let get = api!(RedisModule_GetServerInfo);
    let field = api!(RedisModule_ServerInfoGetFieldUnsigned);
    let free = api!(RedisModule_FreeServerInfo);
    // SAFETY: the caller's promise; the name is NUL-terminated.
    let info = unsafe { get(ctx, c"persistence".as_ptr()) };
    let mut missing = 0;
    // SAFETY: `info` is what the server has just given; the name is NUL-terminated.
    let rewrites = unsafe { field(info, c"aof_rewrite_in_progress".as_ptr(), &mut missing) };
    // SAFETY: `info` is freed once, and with the context it was made in.
    unsafe { free(ctx, info) };
    rewrites != 0
}

/// The moment before the event loop sleeps.
pub struct Tick {
    ctx: *mut raw::RedisModuleCtx,
}

impl Tick {
    /// The server's wall clock.
    pub fn now(&self) -> Timestamp {
        now()
    }

    /// Whether this server is the primary of its data.
    pub fn is_primary(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_MASTER != 0
    }

    /// Whether something may be replicated or appended to the AOF now: the server is not loading, and no failover or
    /// pause of writes is under way, during which nothing new may happen.
    pub fn may_propagate(&self) -> bool {
        let avoid = api!(RedisModule_AvoidReplicaTraffic);
        self.flags() & raw::REDISMODULE_CTX_FLAGS_LOADING == 0
            // SAFETY: RedisModule_AvoidReplicaTraffic has no preconditions.
            && unsafe { avoid() } == 0
    }

    /// Whether the server keeps an AOF.
    pub fn has_aof(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_AOF != 0
    }

    /// Runs `body` as a call with `args` behind the command's name, on behalf of no client. Only on a
    /// primary, and only if [`Tick::may_propagate`].
    pub fn call<R>(&self, database: i32, args: &[Vec<u8>], body: impl FnOnce(&Call<'_>) -> R) -> R {
        // SAFETY: `ctx` is that of the running event, in which keys may be opened and changes replicated.
        unsafe { call::replay(self.ctx, database, args, body) }
    }

    fn flags(&self) -> u32 {
        let get_flags = api!(RedisModule_GetContextFlags);
        // SAFETY: `ctx` is that of the running event.
        unsafe { get_flags(self.ctx) as u32 }
    }

    /// Sends `command payload` to the replicas and the AOF. Only a primary, and only if [`Tick::may_propagate`].
    pub fn replicate(&self, command: &CStr, payload: &[u8]) {
        self.send(command, c"b", payload);
    }

    /// Writes `command payload` to the AOF alone. Only if [`Tick::may_propagate`].
    pub fn append_to_aof(&self, command: &CStr, payload: &[u8]) {
        self.send(command, c"bR", payload);
    }

    fn send(&self, command: &CStr, format: &CStr, payload: &[u8]) {
        let replicate = api!(RedisModule_Replicate);
        // SAFETY: `ctx` is that of the running event. The format names a buffer with its length, which follows.
        unsafe {
            replicate(
                self.ctx,
                command.as_ptr(),
                format.as_ptr(),
                payload.as_ptr().cast::<c_char>(),
                payload.len(),
            )
        };
    }
}

/// The server's wall clock.
pub fn now() -> Timestamp {
    let milliseconds = api!(RedisModule_Milliseconds);
    // SAFETY: RedisModule_Milliseconds has no preconditions.
    let ms = unsafe { milliseconds() };
    #[cfg(feature = "debug-commands")]
    let ms = debug::time(ms);
    Timestamp(u64::try_from(ms).unwrap_or(0))
}

/// What tests do to the clock.
#[cfg(feature = "debug-commands")]
pub mod debug {
    use std::sync::atomic::{AtomicI64, Ordering};

    /// By how many milliseconds it is moved.
    pub static STEP: AtomicI64 = AtomicI64::new(0);
    /// Where it stands still; 0 if it goes on.
    pub static STOPPED: AtomicI64 = AtomicI64::new(0);

    /// What it shows where the server's shows `ms`.
    pub(super) fn time(ms: i64) -> i64 {
        match STOPPED.load(Ordering::Relaxed) {
            0 => ms.saturating_add(STEP.load(Ordering::Relaxed)),
            stopped => stopped,
        }
    }
}

/// Wakes the event loop, from any thread: [`Hooks::before_sleep`] runs soon.
pub fn wake() {
    unsafe extern "C" fn nothing(_data: *mut c_void) {}
    let add = api!(RedisModule_EventLoopAddOneShot);
    // SAFETY: the function may be called from any thread; the callback uses nothing.
    unsafe { add(Some(nothing), ptr::null_mut()) };
}

/// Random bits, from the server's generator. Main thread only.
pub fn random_u64() -> u64 {
    let random = api!(RedisModule_GetRandomBytes);
    let mut bytes = [0_u8; 8];
    // SAFETY: `bytes` is eight bytes long.
    unsafe { random(bytes.as_mut_ptr(), bytes.len()) };
    u64::from_ne_bytes(bytes)
}
