//! Routes Rust's allocations through the server's allocator, so that INFO memory, maxmemory and
//! MEMORY USAGE count them.
//!
//! Unit tests run outside a server and use the system's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;

use super::raw;

struct ServerAlloc;

#[global_allocator]
static ALLOCATOR: ServerAlloc = ServerAlloc;

/// The alignment of the server's smallest blocks. jemalloc has an 8-byte size class, so it is not
/// 16.
const SERVER_ALIGNMENT: usize = 8;

/// Whether the server's allocator serves `layout`: it can't align further than malloc.
///
/// The answer for a layout never changes between an allocation and its release, because the API is
/// resolved once, in OnLoad, before the module allocates anything.
#[inline]
fn fits(layout: Layout) -> bool {
    layout.align() <= SERVER_ALIGNMENT
}

// SAFETY: every method forwards to one allocator, chosen by the layout alone. The server's
// functions behave like malloc's.
unsafe impl GlobalAlloc for ServerAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the pointer is written once, before any command runs.
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

/// Frees memory of the cryptography library, in a process that has a function of this name.
///
/// The library allocates with `malloc` and frees with jemalloc's `sdallocx` if it finds that (a
/// weak symbol). Valkey and newer Redis load modules with `RTLD_DEEPBIND`, so that a module's own
/// libraries come first. `malloc` is then the C library's, but `sdallocx` is still the server's
/// jemalloc's, and the two do not match. This definition makes both come from one allocator.
///
/// # Safety
/// `ptr` is null or came from `malloc`, and nobody uses it afterwards.
#[unsafe(no_mangle)]
unsafe extern "C" fn sdallocx(ptr: *mut c_void, _size: usize, _flags: std::ffi::c_int) {
    // SAFETY: the caller's promise is the same.
    unsafe { libc::free(ptr) };
}
