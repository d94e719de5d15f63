//! Keys of the keyspace, open for reading or for writing.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use super::api::api;
use super::args::Arg;
use super::error::Refusal;
use super::native::{NativeType, ShareOf, Shares, Thin, give, memory_of, server_type};
use super::raw;
use super::replicated;
use crate::text::time::Timestamp;

/// A lifetime that raw pointers don't carry.
type Borrowed<'a> = PhantomData<&'a ()>;

/// A key that is open for reading. Dropping it closes the key.
pub(crate) struct ReadKey<'a> {
    /// Null if the key was opened for reading and does not exist.
    key: *mut raw::RedisModuleKey,
    call: Borrowed<'a>,
}

/// The contents of a key.
enum Held {
    Nothing,
    Value(NonNull<u8>),
    Another,
}

impl<'a> ReadKey<'a> {
    pub(super) fn open(
        ctx: *mut raw::RedisModuleCtx,
        name: *mut raw::RedisModuleString,
        mode: u32,
    ) -> ReadKey<'a> {
        let open = api!(RedisModule_OpenKey);
        // SAFETY: `ctx` is the running call's and `name` one of its arguments.
        let key = unsafe { open(ctx, name, mode as _) };
        ReadKey { key, call: PhantomData }
    }

    /// Whether there is no such key.
    pub(crate) fn is_missing(&self) -> bool {
        if self.key.is_null() {
            return true;
        }
        let key_type = api!(RedisModule_KeyType);
        // SAFETY: `key` is open.
        let kind = unsafe { key_type(self.key) };
        kind as isize == raw::REDISMODULE_KEYTYPE_EMPTY
    }

    /// When the key expires, if it does.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        if self.key.is_null() {
            return None;
        }
        let expires = api!(RedisModule_GetAbsExpire);
        // SAFETY: `key` is open.
        let at = unsafe { expires(self.key) };
        // Without an expiry it is negative.
        u64::try_from(at).ok().map(Timestamp)
    }

    /// The memory of the value in bytes; 0 if the key does not hold a `T`.
    pub(crate) fn memory<T: NativeType>(&self) -> usize {
        match self.held::<T>() {
            // SAFETY: the key's value is of type `T`, and nothing changes it meanwhile.
            Held::Value(raw) => unsafe { memory_of::<T>(raw) },
            Held::Nothing | Held::Another => 0,
        }
    }

    #[inline]
    fn held<T: NativeType>(&self) -> Held {
        if self.key.is_null() {
            return Held::Nothing;
        }
        let get_type = api!(RedisModule_ModuleTypeGetType);
        // SAFETY: `key` is open.
        let its_type = unsafe { get_type(self.key) };
        if its_type.is_null() {
            return if self.is_missing() { Held::Nothing } else { Held::Another };
        }
        if its_type != server_type::<T>() {
            return Held::Another;
        }
        let get_value = api!(RedisModule_ModuleTypeGetValue);
        // SAFETY: `key` is open and holds a module value.
        let value = unsafe { get_value(self.key) };
        NonNull::new(value.cast::<u8>()).map_or(Held::Nothing, Held::Value)
    }

    /// The value, or `None` if the key does not exist. An error if it has another type.
    #[inline]
    pub(crate) fn value<T: NativeType>(&self) -> Result<Option<ValueRef<'_, T>>, Refusal> {
        match self.held::<T>() {
            Held::Nothing => Ok(None),
            Held::Another => Err(Refusal::WrongType),
            Held::Value(raw) => Ok(Some(ValueRef {
                // SAFETY: the key's value is of type `T` and stays in place while the key is open
                // and borrowed.
                value: ManuallyDrop::new(unsafe { T::Repr::from_raw(raw) }.into()),
                key: PhantomData,
            })),
        }
    }
}

impl Drop for ReadKey<'_> {
    #[inline]
    fn drop(&mut self) {
        let close = api!(RedisModule_CloseKey);
        // SAFETY: `key` is open or null, and nobody uses it afterwards.
        unsafe { close(self.key) };
    }
}

/// A key that is open for writing. Dropping it closes the key.
pub(crate) struct WriteKey<'a> {
    key: ReadKey<'a>,
    ctx: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
}

impl WriteKey<'_> {
    pub(super) fn open(ctx: *mut raw::RedisModuleCtx, name: Arg<'_>) -> Self {
        let name = name.string();
        let key = ReadKey::open(ctx, name, raw::REDISMODULE_READ | raw::REDISMODULE_WRITE);
        Self { key, ctx, name }
    }

    /// The value, or `None` if the key does not exist. An error if it has another type.
    #[inline]
    pub(crate) fn value<T: NativeType>(&mut self) -> Result<Option<ValueMut<'_, T>>, Refusal> {
        match self.key.held::<T>() {
            Held::Nothing => Ok(None),
            Held::Another => Err(Refusal::WrongType),
            Held::Value(raw) => {
                // SAFETY: the key's value is of type `T`, and this key is borrowed exclusively.
                let value: T = unsafe { T::Repr::from_raw(raw) }.into();
                Ok(Some(ValueMut {
                    before: Shares::of(&value),
                    value: ManuallyDrop::new(value),
                    original: raw,
                    key: self.key.key,
                    borrow: PhantomData,
                }))
            }
        }
    }

    /// Prefetches the value into the CPU cache.
    ///
    /// With many keys, the first access to a value is a cache miss and the largest cost of a call
    /// in this module.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let get_value = api!(RedisModule_ModuleTypeGetValue);
        // SAFETY: `key` is open; the answer is null unless it holds a module's value.
        let value = unsafe { get_value(self.key.key) };
        prefetch(value.cast());
        prefetch(value.cast::<u8>().wrapping_add(CACHE_LINE));
    }

    /// Sets the value of the key, whatever it held.
    pub(crate) fn set<T: NativeType>(&mut self, value: T) {
        let set = api!(RedisModule_ModuleTypeSetValue);
        let raw = give(value);
        // SAFETY: `key` is open for writing, and `raw` is a value of that type, which the server
        // now owns.
        unsafe { set(self.key.key, server_type::<T>(), raw.as_ptr().cast()) };
    }

    pub(crate) fn delete(&mut self) {
        let delete = api!(RedisModule_DeleteKey);
        // SAFETY: `key` is open for writing.
        unsafe { delete(self.key.key) };
    }

    pub(crate) fn expire_at(&self, at: Timestamp) {
        let expire = api!(RedisModule_SetAbsExpire);
        // SAFETY: `key` is open for writing.
        unsafe { expire(self.key.key, i64::try_from(at.0).unwrap_or(i64::MAX)) };
    }

    /// Closes the key and replicates `command key payload` to replicas and the AOF in place of the
    /// running call. Signals the change to WATCH and client-side caches.
    #[inline]
    pub(crate) fn replicate(self, command: &CStr, payload: &[u8]) {
        let (ctx, name) = self.close();
        let replicate = api!(RedisModule_Replicate);
        let (start, len) = (payload.as_ptr().cast::<c_char>(), payload.len());
        // SAFETY: `ctx` is the running call's. The format names a server string and a buffer with
        // its length (`b` reads a pointer and a size_t), and those follow.
        let answer = unsafe { replicate(ctx, command.as_ptr(), c"sb".as_ptr(), name, start, len) };
        replicated::check(answer);
        signal_modified(ctx, name);
    }

    /// Replicates `command key payload [key payload ...]` to replicas and the AOF
    /// in place of the running call. Signals each change to WATCH and client-side caches.
    pub(crate) fn replicate_together(command: &CStr, changes: &[(Self, impl Deref<Target = [u8]>)]) {
        let Some((WriteKey { ctx, .. }, _)) = changes.first() else { return };
        let replicate = api!(RedisModule_Replicate);
        let create = api!(RedisModule_CreateString);
        let free = api!(RedisModule_FreeString);
        let make = |payload: &[u8]| {
            let (start, len) = (payload.as_ptr().cast::<c_char>(), payload.len());
            // SAFETY: without a context the string is ours to free; the server copies the bytes.
            unsafe { create(ptr::null_mut(), start, len) }
        };
        let words: Vec<_> = changes.iter().flat_map(|(key, payload)| [key.name, make(payload)]).collect();
        // SAFETY: `ctx` is the running call's. The format `v` reads a pointer to server strings and
        // their number (a size_t), and those follow. The server keeps a reference to each.
        let answer = unsafe { replicate(*ctx, command.as_ptr(), c"v".as_ptr(), words.as_ptr(), words.len()) };
        for payload in words.iter().skip(1).step_by(2) {
            // SAFETY: it was made above and is not used again here.
            unsafe { free(ptr::null_mut(), *payload) };
        }
        replicated::check(answer);
        changes.iter().for_each(|(key, _)| signal_modified(*ctx, key.name));
    }

    /// Closes the key and signals its change to WATCH and client-side caches.
    pub(crate) fn signal(self) {
        let (ctx, name) = self.close();
        signal_modified(ctx, name);
    }

    /// Closes the key and replicates the effect that was applied to it to this server's own AOF and
    /// replicas.
    pub(crate) fn pass_effect_on(self) {
        let (ctx, name) = self.close();
        let verbatim = api!(RedisModule_ReplicateVerbatim);
        // SAFETY: `ctx` is the running call's.
        unsafe { verbatim(ctx) };
        signal_modified(ctx, name);
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleKey {
        self.key.key
    }

    pub(super) fn close(self) -> (*mut raw::RedisModuleCtx, *mut raw::RedisModuleString) {
        (self.ctx, self.name)
    }
}

pub(super) fn signal_modified(ctx: *mut raw::RedisModuleCtx, name: *mut raw::RedisModuleString) {
    let signal = api!(RedisModule_SignalModifiedKey);
    // SAFETY: `ctx` is the running call's and `name` one of its arguments.
    unsafe { signal(ctx, name) };
}

const CACHE_LINE: usize = 64;

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch(at: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: every x86-64 processor has the instruction, and it ignores an address that is not
    // mapped.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

/// Other processors have no such instruction in stable Rust.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch(_at: *const u8) {}

/// A borrowed value of a key.
pub(crate) struct ValueRef<'k, T> {
    value: ManuallyDrop<T>,
    key: Borrowed<'k>,
}

impl<T> Deref for ValueRef<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

/// An exclusively borrowed value of a key. If a change has moved its allocation, dropping it tells
/// the key.
pub(crate) struct ValueMut<'k, T: NativeType> {
    value: ManuallyDrop<T>,
    before: ShareOf<T>,
    original: NonNull<u8>,
    key: *mut raw::RedisModuleKey,
    borrow: PhantomData<&'k mut ()>,
}

impl<T: NativeType> Deref for ValueMut<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: NativeType> DerefMut for ValueMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: NativeType> Drop for ValueMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `value` is not used again.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        ShareOf::<T>::of(&value).replace::<T>(self.before);
        let raw = value.into().into_raw();
        if raw != self.original {
            let replace = api!(RedisModule_ModuleTypeReplaceValue);
            let no_old_value = std::ptr::null_mut();
            // SAFETY: `key` is open for writing and holds a value of this type. Its old pointer is
            // dangling and is neither read nor freed by this call; `raw` is the value that the
            // server owns from now on.
            unsafe { replace(self.key, server_type::<T>(), raw.as_ptr().cast(), no_old_value) };
        }
    }
}
