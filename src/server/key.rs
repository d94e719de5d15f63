//! Keys of the keyspace, open for reading or for writing.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use redis_module::raw;

use super::api::api;
use super::args::Arg;
use super::error::Refusal;
use super::native::{NativeType, Thin, server_type};
use crate::text::time::Timestamp;

/// A lifetime that raw pointers don't carry.
type Borrowed<'a> = PhantomData<&'a ()>;

/// A key that is open for reading. Closed on drop.
pub struct ReadKey<'a> {
    /// Null if the key was opened for reading and does not exist.
    key: *mut raw::RedisModuleKey,
    call: Borrowed<'a>,
}

/// What a key was found to hold.
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

    #[inline]
    fn held<T: NativeType>(&self) -> Held {
        if self.key.is_null() {
            return Held::Nothing;
        }
        let get_type = api!(RedisModule_ModuleTypeGetType);
        // SAFETY: `key` is open.
        let its_type = unsafe { get_type(self.key) };
        if its_type.is_null() {
            let key_type = api!(RedisModule_KeyType);
            // SAFETY: `key` is open.
            let kind = unsafe { key_type(self.key) };
            return if kind as isize == raw::REDISMODULE_KEYTYPE_EMPTY {
                Held::Nothing
            } else {
                Held::Another
            };
        }
        if its_type != server_type::<T>() {
            return Held::Another;
        }
        let get_value = api!(RedisModule_ModuleTypeGetValue);
        // SAFETY: `key` is open and holds a module value.
        let value = unsafe { get_value(self.key) };
        NonNull::new(value.cast::<u8>()).map_or(Held::Nothing, Held::Value)
    }

    /// The value, if the key exists; an error if it is of another type.
    #[inline]
    pub fn value<T: NativeType>(&self) -> Result<Option<ValueRef<'_, T>>, Refusal> {
        match self.held::<T>() {
            Held::Nothing => Ok(None),
            Held::Another => Err(Refusal::WrongType),
            Held::Value(raw) => Ok(Some(ValueRef {
                // SAFETY: the key's value is of type `T` and stays in place while the key is open and borrowed.
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

/// A key that is open for writing. Closed on drop.
pub struct WriteKey<'a> {
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

    /// The value, if the key exists; an error if it is of another type.
    #[inline]
    pub fn value<T: NativeType>(&mut self) -> Result<Option<ValueMut<'_, T>>, Refusal> {
        match self.key.held::<T>() {
            Held::Nothing => Ok(None),
            Held::Another => Err(Refusal::WrongType),
            Held::Value(raw) => Ok(Some(ValueMut {
                // SAFETY: the key's value is of type `T`, and this key is borrowed exclusively.
                value: ManuallyDrop::new(unsafe { T::Repr::from_raw(raw) }.into()),
                original: raw,
                key: self.key.key,
                borrow: PhantomData,
            })),
        }
    }

    /// Has the processor fetch the value while the caller does something else first.
    ///
    /// With many keys the first touch of a value is a cache miss, and the dearest part of a call that is ours.
    #[inline]
    pub fn prefetch(&self) {
        let get_value = api!(RedisModule_ModuleTypeGetValue);
        // SAFETY: `key` is open; the answer is null unless it holds a module's value.
        let value = unsafe { get_value(self.key.key) };
        prefetch(value.cast());
        prefetch(value.cast::<u8>().wrapping_add(CACHE_LINE));
    }

    /// Puts a value in the key's place, whatever it held.
    pub fn set<T: NativeType>(&mut self, value: T) {
        let set = api!(RedisModule_ModuleTypeSetValue);
        let raw = value.into().into_raw();
        // SAFETY: `key` is open for writing, and `raw` is a value of that type, which the server now owns.
        unsafe { set(self.key.key, server_type::<T>(), raw.as_ptr().cast()) };
    }

    /// Takes the key away.
    pub fn delete(&mut self) {
        let delete = api!(RedisModule_DeleteKey);
        // SAFETY: `key` is open for writing.
        unsafe { delete(self.key.key) };
    }

    /// Sets the moment at which the key expires.
    pub fn expire_at(&self, at: Timestamp) {
        let expire = api!(RedisModule_SetAbsExpire);
        // SAFETY: `key` is open for writing.
        unsafe { expire(self.key.key, i64::try_from(at.0).unwrap_or(i64::MAX)) };
    }

    /// Closes the key and sends `command key payload` to the replicas and the AOF in place of the
    /// running call. WATCH and client-side caches see a change of the key.
    #[inline]
    pub fn replicate(self, command: &CStr, payload: &[u8]) {
        let (ctx, name) = self.close();
        let replicate = api!(RedisModule_Replicate);
        let (start, len) = (payload.as_ptr().cast::<c_char>(), payload.len());
        // SAFETY: `ctx` is the running call's. The format names a server string and a buffer with its
        // length (`b` reads a pointer and a size_t), and those follow.
        unsafe { replicate(ctx, command.as_ptr(), c"sb".as_ptr(), name, start, len) };
        signal_modified(ctx, name);
    }

    /// Closes the key and passes the effect that was just applied to it on, to this server's own AOF
    /// and sub-replicas.
    pub fn pass_effect_on(self) {
        let (ctx, name) = self.close();
        let verbatim = api!(RedisModule_ReplicateVerbatim);
        // SAFETY: `ctx` is the running call's.
        unsafe { verbatim(ctx) };
        signal_modified(ctx, name);
    }

    fn close(self) -> (*mut raw::RedisModuleCtx, *mut raw::RedisModuleString) {
        (self.ctx, self.name)
    }
}

fn signal_modified(ctx: *mut raw::RedisModuleCtx, name: *mut raw::RedisModuleString) {
    let signal = api!(RedisModule_SignalModifiedKey);
    // SAFETY: `ctx` is the running call's and `name` one of its arguments.
    unsafe { signal(ctx, name) };
}

const CACHE_LINE: usize = 64;

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch(at: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: every x86-64 processor has the instruction, and it ignores an address that is not mapped.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

/// Elsewhere the stable standard library has no such instruction.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch(_at: *const u8) {}

/// A borrowed value of a key.
pub struct ValueRef<'k, T> {
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

/// An exclusively borrowed value of a key. If changing it moved its allocation, the key learns of it on drop.
pub struct ValueMut<'k, T: NativeType> {
    value: ManuallyDrop<T>,
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
        let raw = value.into().into_raw();
        if raw != self.original {
            let replace = api!(RedisModule_ModuleTypeReplaceValue);
            let no_old_value = std::ptr::null_mut();
            // SAFETY: `key` is open for writing and holds a value of this type. Its old pointer is dangling and
            // is neither read nor freed by this call; `raw` is the value that the server owns from now on.
            unsafe { replace(self.key, server_type::<T>(), raw.as_ptr().cast(), no_old_value) };
        }
    }
}
