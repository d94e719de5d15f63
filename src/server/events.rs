//! The server's events: before sleep, loading, saving, changes of role, closed connections,
//! shutdown.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::aof;
use super::api::api;
use super::call::{self, Call, Destination};
use super::clock;
use super::directive;
use super::guard::guarded;
use super::raw;
use super::replicated;
use crate::text::time::Timestamp;

/// The module's event handlers. All run on the main thread.
///
/// Only `before_sleep` may change and replicate state, on a primary, and only if
/// [`Tick::may_propagate`]. In the other handlers the server would abort or propagate the wrong
/// command, so they only set flags and clear state.
pub(crate) struct Hooks {
    /// The module loads, and the directives of the configuration file are in force. An error aborts
    /// the load.
    pub configured: fn() -> Result<(), String>,
    /// A CONFIG SET that named a directive of the module has succeeded. What it set is in force.
    pub config_set: fn(),
    /// The event loop is about to sleep: at least ten times per second, and after every batch of
    /// commands.
    pub before_sleep: fn(&Tick),
    /// An RDB, an AOF or a full sync is about to be loaded. State that it brings must be set aside.
    pub loading_began: fn(),
    /// Loading has ended. The argument says whether it has succeeded. If not, state that was set
    /// aside must be restored.
    pub loading_ended: fn(bool),
    /// This server has become a primary.
    pub promoted: fn(),
    /// This server has become a replica.
    pub demoted: fn(),
    /// The client with this number has disconnected. This is called while a command of another
    /// client may run.
    pub disconnected: fn(u64),
    /// The server shuts down. It has saved the data set already.
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
        raw::REDISMODULE_EVENT_PERSISTENCE,
        raw::REDISMODULE_EVENT_SHUTDOWN,
        raw::REDISMODULE_EVENT_CONFIG,
        raw::REDISMODULE_EVENT_CLIENT_CHANGE,
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
            guarded(directive::forget_applied);
            guarded(|| (hooks.before_sleep)(&Tick { ctx }));
        }
        (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_RDB_START)
        | (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_AOF_START)
        | (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_REPL_START) => {
            guarded(hooks.loading_began);
        }
        (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_ENDED) => {
            guarded(|| (hooks.loading_ended)(true));
        }
        (raw::REDISMODULE_EVENT_LOADING, raw::REDISMODULE_SUBEVENT_LOADING_FAILED) => {
            guarded(|| (hooks.loading_ended)(false));
        }
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, 0) => {
            guarded(hooks.promoted);
        }
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, _) => {
            guarded(hooks.demoted);
        }
        (raw::REDISMODULE_EVENT_PERSISTENCE, raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START) => {
            aof::rewrite_began();
        }
        (raw::REDISMODULE_EVENT_PERSISTENCE, raw::REDISMODULE_SUBEVENT_PERSISTENCE_ENDED) => {
            aof::saving_ended();
        }
        (raw::REDISMODULE_EVENT_CLIENT_CHANGE, raw::REDISMODULE_SUBEVENT_CLIENT_CHANGE_DISCONNECTED) => {
            let info = data.cast::<raw::RedisModuleClientInfo>();
            // SAFETY: the server passes a description of the client as the data of this event.
            if let Some(info) = unsafe { info.as_ref() } {
                guarded(|| (hooks.disconnected)(info.id));
            }
        }
        (raw::REDISMODULE_EVENT_SHUTDOWN, _) => {
            guarded(hooks.shutdown);
        }
        (raw::REDISMODULE_EVENT_CONFIG, _) => {
            guarded(|| {
                // SAFETY: the server passes the names of the directives as the data of this event.
                let concerns_module = unsafe { directive::config_set(data.cast()) };
                if concerns_module {
                    (hooks.config_set)();
                }
            });
        }
        _ => {}
    }
}

/// Passed to [`Hooks::before_sleep`].
pub(crate) struct Tick {
    ctx: *mut raw::RedisModuleCtx,
}

impl Tick {
    pub(crate) fn now(&self) -> Timestamp {
        clock::now()
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_MASTER != 0
    }

    /// Whether changes may be replicated now. False while the server loads
    /// and during a failover or a pause of writes.
    pub(crate) fn may_propagate(&self) -> bool {
        let avoid = api!(RedisModule_AvoidReplicaTraffic);
        self.flags() & raw::REDISMODULE_CTX_FLAGS_LOADING == 0
            // SAFETY: RedisModule_AvoidReplicaTraffic has no preconditions.
            && unsafe { avoid() } == 0
    }

    /// Runs `body` as a call with `args` behind the command's name, on behalf of no client. Only on
    /// a primary, and only if [`Tick::may_propagate`].
    pub(crate) fn call<R>(&self, database: i32, args: &[Vec<u8>], body: impl FnOnce(&Call<'_>) -> R) -> R {
        // SAFETY: `ctx` is that of the running event, in which keys may be opened and changes
        // replicated.
        unsafe { call::replay(self.ctx, database, args, body) }
    }

    fn flags(&self) -> u32 {
        let get_flags = api!(RedisModule_GetContextFlags);
        // SAFETY: `ctx` is that of the running event.
        unsafe { get_flags(self.ctx) as u32 }
    }

    /// Replicates `command payload`. Only on a primary, and only if [`Tick::may_propagate`].
    pub(crate) fn replicate(&self, command: &CStr, payload: &[u8], to: Destination) {
        let replicate = api!(RedisModule_Replicate);
        // SAFETY: `ctx` is that of the running event. The format names a buffer with its length,
        // which follows.
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
}

/// Wakes the event loop from any thread, so that [`Hooks::before_sleep`] runs soon.
pub(crate) fn wake() {
    unsafe extern "C" fn nothing(_data: *mut c_void) {}
    let add = api!(RedisModule_EventLoopAddOneShot);
    // SAFETY: the function may be called from any thread; the callback uses nothing.
    unsafe { add(Some(nothing), ptr::null_mut()) };
}

/// Runs `work` on the main thread in a later turn of the event loop. May be called from any thread.
/// `work` may not call the server.
pub(crate) fn run_later(work: fn()) {
    unsafe extern "C" fn run(data: *mut c_void) {
        // SAFETY: `data` is the function that was passed as `work`.
        let work = unsafe { std::mem::transmute::<*mut c_void, fn()>(data) };
        guarded(work);
    }
    let add = api!(RedisModule_EventLoopAddOneShot);
    // SAFETY: the function may be called from any thread; `run` gets what it expects.
    unsafe { add(Some(run), work as *mut c_void) };
}

/// Random bits, from the server's generator. Main thread only.
pub(crate) fn random_u64() -> u64 {
    let random = api!(RedisModule_GetRandomBytes);
    let mut bytes = [0_u8; 8];
    // SAFETY: `bytes` is eight bytes long.
    unsafe { random(bytes.as_mut_ptr(), bytes.len()) };
    u64::from_ne_bytes(bytes)
}
