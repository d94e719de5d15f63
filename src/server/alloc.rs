//! Rust's allocations go through the server's allocator, so that INFO memory, maxmemory and MEMORY USAGE see them.
//!
//! Outside a server (unit tests, fuzzing) there is no such allocator and the system's serves instead.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;

use redis_module::raw;

struct ServerAlloc;

#[global_allocator]
static ALLOCATOR: ServerAlloc = ServerAlloc;

/// What the server's malloc aligns even its smallest blocks to (jemalloc's 8-byte class is why it is not 16).
const SERVER_ALIGNMENT: usize = 8;

/// Whether `layout` is served by the server's allocator: it can't align further than malloc does.
///
/// The answer for one layout never changes between an allocation and its release: the API is resolved once, in
/// OnLoad, before anything of ours allocates.
#[inline]
fn fits(layout: Layout) -> bool {
    layout.align() <= SERVER_ALIGNMENT
}

// SAFETY: every method forwards to one allocator, chosen by the layout alone; the server's functions are malloc's.
unsafe impl GlobalAlloc for ServerAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: a read of a pointer that is written once, before any command runs.
        match unsafe { raw::RedisModule_Alloc } {
            // SAFETY: RedisModule_Alloc takes any size.
            Some(alloc) if fits(layout) => unsafe { alloc(layout.size()) }.cast(),
            // SAFETY: the caller's promises are those of `System.alloc`.
            _ => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        match unsafe { raw::RedisModule_Free } {
            // SAFETY: a pointer with this layout came from RedisModule_Alloc.
            Some(free) if fits(layout) => unsafe { free(ptr.cast::<c_void>()) },
            // SAFETY: a pointer with this layout came from `System`.
            _ => unsafe { System.dealloc(ptr, layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        match unsafe { raw::RedisModule_Calloc } {
            // SAFETY: RedisModule_Calloc takes any size.
            Some(calloc) if fits(layout) => unsafe { calloc(1, layout.size()) }.cast(),
            // SAFETY: the caller's promises are those of `System.alloc_zeroed`.
            _ => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        match unsafe { raw::RedisModule_Realloc } {
            // SAFETY: a pointer with this layout came from RedisModule_Alloc.
            Some(realloc) if fits(layout) => unsafe { realloc(ptr.cast::<c_void>(), new_size) }.cast(),
            // SAFETY: the caller's promises are those of `System.realloc`.
            _ => unsafe { System.realloc(ptr, layout, new_size) },
        }
    }
}

/// What the cryptography library frees its memory with, if the process has a function of this name.
///
/// It takes memory by `malloc` and gives it back by jemalloc's `sdallocx` where it finds that (a weak symbol), for
/// speed. Valkey and newer Redis load modules so that a module's own libraries come first (`RTLD_DEEPBIND`): then
/// `malloc` is the C library's and `sdallocx` still the server's jemalloc's, which do not fit together. With this one the
/// two always come from one allocator.
///
/// # Safety
/// `ptr` is null or came from `malloc`, and nobody uses it afterwards.
#[unsafe(no_mangle)]
unsafe extern "C" fn sdallocx(ptr: *mut c_void, _size: usize, _flags: std::ffi::c_int) {
    // SAFETY: the caller's promise is the same.
    unsafe { libc::free(ptr) };
}
