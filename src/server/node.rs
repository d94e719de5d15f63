//! State of the node that belongs to no key, saved in the RDB beside the keys. [`super::aof`]
//! writes it into a rewritten AOF that has no RDB preamble.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::api::{api, api_if_any};
use super::guard::guarded;
use super::log;
use super::native::{Piece, read_piece};
use super::raw;

pub(crate) trait NodeState {
    /// The name of its type in RDB files: nine characters.
    const NAME: &'static CStr;
    /// The encoding that this version writes, and the newest that it reads.
    const ENCODING: i32;
    /// The internal command that restores the state from its pieces when an AOF is loaded.
    const EFFECT: &'static CStr;
    /// Whether the state is saved. Read when the module is loaded, after its directives.
    fn is_saved() -> bool {
        true
    }
    /// Writes the state in pieces, or nothing if there is nothing to save. The child that saves an
    /// RDB or rewrites the AOF calls this as well, so it must not take a lock that any thread but
    /// the main one may hold.
    fn save(write: &mut dyn FnMut(&[u8]));
    /// Replaces the state by one or more pieces, which may be damaged or hostile. `more` returns
    /// the next piece, or `None` if the stream is cut short.
    fn load(first: &[u8], more: &mut dyn FnMut() -> Option<Piece>) -> Result<(), &'static str>;
}

/// Passes a state in pieces to its argument.
pub(super) type Save = fn(&mut dyn FnMut(&[u8]));

/// The registration of a state, as the module's table lists it.
#[derive(Clone, Copy)]
pub(crate) struct NodeEntry {
    register: unsafe fn(*mut raw::RedisModuleCtx) -> bool,
    pub(super) name: &'static CStr,
    /// See [`NodeState::EFFECT`].
    pub(super) effect: &'static CStr,
    /// See [`NodeState::is_saved`].
    pub(super) is_saved: fn() -> bool,
    /// See [`NodeState::save`].
    pub(super) save: Save,
}

impl NodeEntry {
    pub(crate) const fn of<S: NodeState>() -> Self {
        Self {
            register: register::<S>,
            name: S::NAME,
            effect: S::EFFECT,
            is_saved: S::is_saved,
            save: S::save,
        }
    }

    /// A state that no server knows.
    #[cfg(test)]
    pub(super) const fn for_test(effect: &'static CStr, save: Save) -> Self {
        unsafe fn register(_ctx: *mut raw::RedisModuleCtx) -> bool {
            false
        }
        Self { register, name: c"", effect, is_saved: || true, save }
    }

    /// Registers the state.
    ///
    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&self, ctx: *mut raw::RedisModuleCtx) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.register)(ctx) }
    }
}

/// Whether the server has saved the state in an RDB, or in the RDB preamble of an AOF, since
/// [`forget_saving`].
static IS_SAVED: AtomicBool = AtomicBool::new(false);

pub(super) fn forget_saving() {
    IS_SAVED.store(false, Ordering::Relaxed);
}

pub(super) fn is_saved() -> bool {
    IS_SAVED.load(Ordering::Relaxed)
}

/// The version of the callback table with `aux_save2` (Redis 7.2), which leaves no trace of an
/// empty state.
const WITH_AUX_SAVE2: u64 = 5;
/// The version of the callback table in Redis 7.0.
const WITH_AUX_SAVE: u64 = 3;

/// Registers a type for the state.
///
/// # Safety
/// `ctx` is the context of a running OnLoad.
unsafe fn register<S: NodeState>(ctx: *mut raw::RedisModuleCtx) -> bool {
    let leaves_no_trace = knows_aux_save2();
    // Without the callback, Redis 7.0 writes no record either.
    let save: raw::RedisModuleTypeAuxSaveFunc = if S::is_saved() { Some(aux_save::<S>) } else { None };
    let mut methods = raw::RedisModuleTypeMethods {
        version: if leaves_no_trace { WITH_AUX_SAVE2 } else { WITH_AUX_SAVE },
        // No key has this type, but RESTORE may claim that one does.
        rdb_load: Some(no_value),
        rdb_save: Some(save_no_value),
        aof_rewrite: Some(rewrite_no_value),
        mem_usage: None,
        digest: None,
        free: Some(free_no_value),
        aux_load: Some(aux_load::<S>),
        aux_save: if leaves_no_trace { None } else { save },
        aux_save_triggers: raw::REDISMODULE_AUX_BEFORE_RDB as c_int,
        free_effort: None,
        unlink: None,
        copy: None,
        defrag: None,
        mem_usage2: None,
        free_effort2: None,
        unlink2: None,
        copy2: None,
        aux_save2: if leaves_no_trace { save } else { None },
    };
    let create = api!(RedisModule_CreateDataType);
    // SAFETY: the caller's promise; the server copies the table.
    let handle = unsafe { create(ctx, S::NAME.as_ptr(), S::ENCODING, &mut methods) };
    !handle.is_null()
}

unsafe extern "C" fn aux_save<S: NodeState>(io: *mut raw::RedisModuleIO, _when: c_int) {
    guarded(|| {
        IS_SAVED.store(true, Ordering::Relaxed);
        let save = api!(RedisModule_SaveStringBuffer);
        let write = |piece: &[u8]| {
            // SAFETY: `io` is the stream the server passed to this callback; it copies the bytes.
            unsafe { save(io, piece.as_ptr().cast::<c_char>(), piece.len()) };
        };
        let mut wrote = false;
        S::save(&mut |piece| {
            wrote = true;
            write(piece);
        });
        // A server without `aux_save2` writes a record in any case, so it gets an empty piece.
        if !wrote && !knows_aux_save2() {
            write(&[]);
        }
    });
}

/// Whether a state of which nothing is saved leaves no trace in an RDB.
pub(crate) fn leaves_no_trace() -> bool {
    knows_aux_save2()
}

fn knows_aux_save2() -> bool {
    // SAFETY: RedisModule_GetTypeMethodVersion has no preconditions.
    let known = api_if_any!(RedisModule_GetTypeMethodVersion).map_or(0, |version| unsafe { version() });
    u64::try_from(known).unwrap_or(0) >= WITH_AUX_SAVE2
}

unsafe extern "C" fn aux_load<S: NodeState>(
    io: *mut raw::RedisModuleIO,
    encoding: c_int,
    _when: c_int,
) -> c_int {
    let loaded = guarded(|| {
        if encoding > S::ENCODING {
            return Err("it was written by a newer version of lockwatch");
        }
        // SAFETY: `io` is the stream the server passed to this callback.
        let mut more = || unsafe { read_piece(io) };
        let first = more().ok_or("the stream is cut short")?;
        if first.is_empty() { Ok(()) } else { S::load(&first, &mut more) }
    });
    match loaded {
        Some(Ok(())) => raw::REDISMODULE_OK as c_int,
        Some(Err(why)) => {
            guarded(|| log::warning(&format!("can't load the {:?} part of an RDB: {why}", S::NAME)));
            raw::REDISMODULE_ERR as c_int
        }
        None => raw::REDISMODULE_ERR as c_int,
    }
}

unsafe extern "C" fn no_value(_io: *mut raw::RedisModuleIO, _encoding: c_int) -> *mut c_void {
    ptr::null_mut()
}

unsafe extern "C" fn save_no_value(_io: *mut raw::RedisModuleIO, _value: *mut c_void) {}

unsafe extern "C" fn rewrite_no_value(
    _io: *mut raw::RedisModuleIO,
    _key: *mut raw::RedisModuleString,
    _value: *mut c_void,
) {
}

unsafe extern "C" fn free_no_value(_value: *mut c_void) {}
