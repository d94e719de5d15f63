//! Native data types: a pure Rust value behind the server's callbacks.
//!
//! A part implements [`NativeType`] in safe code. The callbacks here only cast, guard and delegate.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::api::api;
use super::flat::{EitherFlat, Flat, Header};
use super::gauge::Gauge;
use super::guard::guarded;
use super::raw;

/// A value that the server can hold as one pointer.
pub(crate) trait Thin: Sized {
    /// What is remembered of a value while a command changes it. `()` for a value of one
    /// allocation, which [`Header::bytes`] sums up, so that its commands pay nothing.
    type Share: Shares;

    fn into_raw(self) -> NonNull<u8>;
    /// The inverse of [`Thin::into_raw`].
    ///
    /// # Safety
    /// `raw` came from [`Thin::into_raw`] of the same type, and exactly one owner drops the value.
    unsafe fn from_raw(raw: NonNull<u8>) -> Self;
}

/// A value in an allocation of its own.
pub(crate) struct Boxed<T>(Box<T>);

impl<T> Boxed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Box::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        *self.0
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Boxed<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Thin for Boxed<T> {
    type Share = Share;

    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        NonNull::from(Box::leak(self.0)).cast()
    }
    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: the caller's promise: it is a box's own pointer, and has one owner.
        Self(unsafe { Box::from_raw(raw.cast::<T>().as_ptr()) })
    }
}

impl<H: Header> Thin for Flat<H> {
    type Share = ();

    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        Flat::into_raw(self)
    }
    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: the caller's promise is the same.
        unsafe { Flat::from_raw(raw) }
    }
}

impl<A: Header, B: Header> Thin for EitherFlat<A, B> {
    type Share = ();

    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        EitherFlat::into_raw(self)
    }
    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: the caller's promise is the same.
        unsafe { EitherFlat::from_raw(raw) }
    }
}

/// A data type of this module.
pub(crate) trait NativeType: Sized + From<Self::Repr> + Into<Self::Repr> {
    /// The form in which the server holds it.
    type Repr: Thin;
    /// The type's name in RDB files: nine characters.
    const NAME: &'static CStr;
    /// The encoding that this version writes, and the newest that it reads.
    const ENCODING: i32;
    /// The internal command that restores a value from [`NativeType::rewrite`] when the AOF is
    /// loaded.
    const EFFECT: &'static CStr;

    fn handle() -> &'static TypeHandle;
    /// Writes the value in one or more pieces. Equal values give equal pieces.
    fn save(&self, write: &mut dyn FnMut(&[u8]));
    /// Reads the value from its pieces, which may be damaged or hostile. `more` returns the next
    /// piece, or `None` if the stream is cut short.
    fn load(first: &[u8], more: &mut dyn FnMut() -> Option<Piece>) -> Result<Self, &'static str>;
    /// Passes on the payloads of effects that create this value from nothing, in order.
    fn rewrite(&self, emit: &mut dyn FnMut(&[u8]));
    /// The copy that COPY stores under another key.
    fn copy(&self) -> Self;
    /// The size in bytes, if the value is more than one allocation.
    fn size(&self) -> Option<usize> {
        None
    }
    /// What a value in a box adds to the sums of its type.
    #[inline]
    fn share(&self) -> Share {
        Share::default()
    }
    /// Frees the value on the main thread, unless the server frees it on another.
    fn free(self) {
        drop(self);
    }
    /// The number of allocations that freeing the value touches.
    fn free_effort(&self) -> usize {
        1
    }
}

/// The server's handle of a data type, and the sums over all its values.
pub(crate) struct TypeHandle {
    /// Null until the type is registered.
    server: AtomicPtr<raw::RedisModuleType>,
    /// The number of values.
    pub keys: Gauge,
    /// The sums of [`NativeType::share`].
    pub bytes: Gauge,
    pub items: Gauge,
}

impl TypeHandle {
    pub(crate) const fn new() -> Self {
        let server = AtomicPtr::new(ptr::null_mut());
        Self { server, keys: Gauge::new(), bytes: Gauge::new(), items: Gauge::new() }
    }
}

/// What a value adds to the sums of its type.
#[derive(Clone, Copy, Default)]
pub(crate) struct Share {
    pub bytes: usize,
    /// How many things the value holds.
    pub items: usize,
}

/// A [`Share`], or nothing.
pub(crate) trait Shares: Copy + Default {
    fn of<T: NativeType>(value: &T) -> Self;
    /// Puts this share of a value into the sums of its type in place of an earlier one.
    fn replace<T: NativeType>(self, before: Self);
}

impl Shares for () {
    #[inline]
    fn of<T: NativeType>(_value: &T) -> Self {}
    #[inline]
    fn replace<T: NativeType>(self, (): Self) {}
}

impl Shares for Share {
    #[inline]
    fn of<T: NativeType>(value: &T) -> Self {
        value.share()
    }

    #[inline]
    fn replace<T: NativeType>(self, before: Self) {
        let handle = T::handle();
        handle.bytes.replace(before.bytes, self.bytes);
        handle.items.replace(before.items, self.items);
    }
}

/// The share of values of type `T`.
pub(super) type ShareOf<T> = <<T as NativeType>::Repr as Thin>::Share;

/// Gives a new value to the server.
#[inline]
pub(super) fn give<T: NativeType>(value: T) -> NonNull<u8> {
    T::handle().keys.add(1);
    ShareOf::<T>::of(&value).replace::<T>(Default::default());
    value.into().into_raw()
}

impl Default for TypeHandle {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
pub(super) fn server_type<T: NativeType>() -> *mut raw::RedisModuleType {
    T::handle().server.load(Ordering::Relaxed)
}

/// The registration of a type, as the module's table lists it.
#[derive(Clone, Copy)]
pub(crate) struct TypeEntry {
    register: unsafe fn(*mut raw::RedisModuleCtx) -> bool,
    pub(super) name: &'static CStr,
}

impl TypeEntry {
    pub(crate) const fn of<T: NativeType>() -> Self {
        Self { register: register::<T>, name: T::NAME }
    }

    /// Registers the type.
    ///
    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&self, ctx: *mut raw::RedisModuleCtx) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.register)(ctx) }
    }
}

/// The oldest version of the callback table that has every callback used here (Redis 6.2).
const METHODS_VERSION: u64 = 3;

/// # Safety
/// `ctx` is the context of a running OnLoad.
unsafe fn register<T: NativeType>(ctx: *mut raw::RedisModuleCtx) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: METHODS_VERSION,
        rdb_load: Some(rdb_load::<T>),
        rdb_save: Some(rdb_save::<T>),
        aof_rewrite: Some(aof_rewrite::<T>),
        mem_usage: Some(mem_usage::<T>),
        digest: Some(digest::<T>),
        free: Some(free::<T>),
        aux_load: None,
        aux_save: None,
        aux_save_triggers: 0,
        free_effort: Some(free_effort::<T>),
        unlink: Some(unlink),
        copy: Some(copy::<T>),
        defrag: Some(defrag),
        mem_usage2: None,
        free_effort2: None,
        unlink2: None,
        copy2: None,
        aux_save2: None,
    };
    let create = api!(RedisModule_CreateDataType);
    // SAFETY: the caller's promise; the server copies the table.
    let handle = unsafe { create(ctx, T::NAME.as_ptr(), T::ENCODING, &mut methods) };
    T::handle().server.store(handle, Ordering::Relaxed);
    !handle.is_null()
}

/// Borrows the value at `raw` for one callback.
///
/// # Safety
/// `raw` is a live value of type `T` that the server holds.
unsafe fn borrow<T: NativeType>(raw: *const c_void) -> Option<ManuallyDrop<T>> {
    let raw = NonNull::new(raw.cast_mut().cast::<u8>())?;
    // SAFETY: the caller's promise; `ManuallyDrop` leaves the value to the server.
    Some(ManuallyDrop::new(unsafe { T::Repr::from_raw(raw) }.into()))
}

unsafe extern "C" fn rdb_load<T: NativeType>(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    let loaded = guarded(|| {
        if encoding > T::ENCODING {
            return Err("it was written by a newer version of lockwatch");
        }
        // SAFETY: `io` is the stream the server passed to this callback.
        let mut more = || unsafe { read_piece(io) };
        let first = more().ok_or("the stream is cut short")?;
        T::load(&first, &mut more)
    });
    match loaded {
        Some(Ok(value)) => give(value).as_ptr().cast(),
        Some(Err(why)) => {
            // A client reaches this through RESTORE and must not be able to fill the log.
            if REFUSED.fetch_add(1, Ordering::Relaxed) < LOGGED_REFUSALS {
                guarded(|| super::log::warning(&format!("can't load a {:?} value: {why}", T::NAME)));
            }
            ptr::null_mut()
        }
        None => ptr::null_mut(),
    }
}

/// Counts refused values. The log reports the first few.
static REFUSED: AtomicU64 = AtomicU64::new(0);
const LOGGED_REFUSALS: u64 = 10;

/// A piece of a saved value or state.
pub(crate) struct Piece(ServerBuffer);

impl Deref for Piece {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// A buffer that the server has allocated for the module.
struct ServerBuffer {
    data: NonNull<c_char>,
    len: usize,
}

impl ServerBuffer {
    fn as_slice(&self) -> &[u8] {
        // SAFETY: the server wrote `len` bytes at `data`.
        unsafe { slice::from_raw_parts(self.data.as_ptr().cast(), self.len) }
    }
}

impl Drop for ServerBuffer {
    fn drop(&mut self) {
        let free = api!(RedisModule_Free);
        // SAFETY: the server allocated `data` with its own allocator and left it to us.
        unsafe { free(self.data.as_ptr().cast()) };
    }
}

/// Reads the next piece.
///
/// # Safety
/// `io` is the stream of a running rdb_load or aux_load.
pub(super) unsafe fn read_piece(io: *mut raw::RedisModuleIO) -> Option<Piece> {
    let load = api!(RedisModule_LoadStringBuffer);
    let failed = api!(RedisModule_IsIOError);
    let mut len = 0_usize;
    // SAFETY: the caller's promise; `len` is where the length goes.
    let data = unsafe { load(io, &mut len) };
    let buffer = NonNull::new(data).map(|data| ServerBuffer { data, len });
    // SAFETY: the caller's promise.
    let error = unsafe { failed(io) };
    buffer.filter(|_| error == 0).map(Piece)
}

unsafe extern "C" fn rdb_save<T: NativeType>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    guarded(|| {
        // SAFETY: the server passes a live value of this type.
        let Some(value) = (unsafe { borrow::<T>(value) }) else { return };
        let save = api!(RedisModule_SaveStringBuffer);
        value.save(&mut |piece| {
            // SAFETY: `io` is the stream the server passed to this callback; it copies the bytes.
            unsafe { save(io, piece.as_ptr().cast(), piece.len()) };
        });
    });
}

unsafe extern "C" fn aof_rewrite<T: NativeType>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    guarded(|| {
        // SAFETY: the server passes a live value of this type.
        let Some(value) = (unsafe { borrow::<T>(value) }) else { return };
        let emit = api!(RedisModule_EmitAOF);
        value.rewrite(&mut |payload| {
            // SAFETY: the format names a server string and a buffer with its length, which is what
            // follows.
            unsafe {
                emit(
                    io,
                    T::EFFECT.as_ptr(),
                    c"sb".as_ptr(),
                    key,
                    payload.as_ptr().cast::<c_char>(),
                    payload.len(),
                )
            };
        });
    });
}

unsafe extern "C" fn mem_usage<T: NativeType>(value: *const c_void) -> usize {
    let Some(value) = NonNull::new(value.cast_mut().cast::<u8>()) else { return 0 };
    // SAFETY: the server passes a live value of this type.
    guarded(|| unsafe { memory_of::<T>(value) }).unwrap_or(0)
}

/// The memory of a value in bytes.
///
/// # Safety
/// `raw` is a live value of type `T` that the server holds, and nobody changes it meanwhile.
pub(super) unsafe fn memory_of<T: NativeType>(raw: NonNull<u8>) -> usize {
    // SAFETY: the caller's promise.
    let size = unsafe { borrow::<T>(raw.as_ptr().cast()) }.and_then(|value| value.size());
    let malloc_size = api!(RedisModule_MallocSize);
    // SAFETY: without a size of its own the value is one live allocation of the server's allocator.
    size.unwrap_or_else(|| unsafe { malloc_size(raw.as_ptr().cast()) })
}

unsafe extern "C" fn digest<T: NativeType>(md: *mut raw::RedisModuleDigest, value: *mut c_void) {
    guarded(|| {
        // SAFETY: the server passes a live value of this type.
        let Some(value) = (unsafe { borrow::<T>(value) }) else { return };
        let add = api!(RedisModule_DigestAddStringBuffer);
        let end = api!(RedisModule_DigestEndSequence);
        value.save(&mut |piece| {
            // SAFETY: `md` is the digest the server passed to this callback; it reads the bytes
            // only.
            unsafe { add(md, piece.as_ptr().cast(), piece.len()) };
        });
        // SAFETY: as above.
        unsafe { end(md) };
    });
}

unsafe extern "C" fn free<T: NativeType>(value: *mut c_void) {
    guarded(|| {
        // SAFETY: the server passes a value of this type and forgets it.
        if let Some(value) = unsafe { borrow::<T>(value) } {
            T::handle().keys.subtract(1);
            ShareOf::<T>::default().replace::<T>(Shares::of(&*value));
            ManuallyDrop::into_inner(value).free();
        }
    });
}

unsafe extern "C" fn free_effort<T: NativeType>(
    _key: *mut raw::RedisModuleString,
    value: *const c_void,
) -> usize {
    // SAFETY: the server passes a live value of this type.
    guarded(|| unsafe { borrow::<T>(value) }.map_or(1, |value| value.free_effort())).unwrap_or(1)
}

/// Only its key refers to a value, so there is nothing to do before another thread frees it.
unsafe extern "C" fn unlink(_key: *mut raw::RedisModuleString, _value: *const c_void) {}

unsafe extern "C" fn copy<T: NativeType>(
    _from: *mut raw::RedisModuleString,
    _to: *mut raw::RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    // SAFETY: the server passes a live value of this type.
    let copied = guarded(|| unsafe { borrow::<T>(value) }.map(|value| value.copy()));
    copied.flatten().map_or(ptr::null_mut(), |value| give(value).as_ptr().cast())
}

unsafe extern "C" fn defrag(
    ctx: *mut raw::RedisModuleDefragCtx,
    _key: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    let defrag_alloc = api!(RedisModule_DefragAlloc);
    // SAFETY: the server passes where it keeps the pointer to the value.
    let current = unsafe { *value };
    // SAFETY: the value is one allocation of the server's; a non-null answer is its new place, the
    // old is freed.
    let moved = unsafe { defrag_alloc(ctx, current) };
    if !moved.is_null() {
        // SAFETY: as for the read of `value`.
        unsafe { *value = moved };
    }
    0
}
