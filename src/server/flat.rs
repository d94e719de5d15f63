//! A header and its bytes in one allocation, behind one thin pointer.
//!
//! Redis keeps one pointer per module value. A boxed struct that owns a `Vec` would cost a second
//! allocation and a second cache miss per key.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::gauge::Gauge;

/// The header of a block.
pub(crate) trait Header: Copy {
    /// The sum of the sizes of all blocks of this kind. A block adds its own when it is allocated,
    /// resized and freed, so that calls which change only its contents pay nothing.
    fn bytes() -> &'static Gauge;
}

/// A block with header `A` and no bytes, or one with header `B` and bytes, behind one thin pointer.
/// The capacity, which both begin with, tells which it is.
pub(crate) enum EitherFlat<A: Header, B: Header> {
    Bare(Flat<A>),
    Full(Flat<B>),
}

impl<A: Header, B: Header> EitherFlat<A, B> {
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<u8> {
        match self {
            Self::Bare(bare) => {
                debug_assert_eq!(bare.capacity(), 0, "a bare block has no bytes");
                bare.into_raw()
            }
            Self::Full(full) => {
                debug_assert_ne!(full.capacity(), 0, "a full block has bytes");
                full.into_raw()
            }
        }
    }

    /// Takes an allocation back.
    ///
    /// # Safety
    /// `raw` came from [`EitherFlat::into_raw`] of the same `A` and `B`, and no other value owns
    /// it.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: both kinds of blocks begin with their capacity, and the block is live.
        let capacity = unsafe { raw.cast::<usize>().read() };
        if capacity == 0 {
            // SAFETY: `into_raw` gives only bare blocks away without bytes; the rest is the
            // caller's promise.
            Self::Bare(unsafe { Flat::from_raw(raw) })
        } else {
            // SAFETY: as above.
            Self::Full(unsafe { Flat::from_raw(raw) })
        }
    }
}

/// One allocation that holds a header `H` and a growable run of bytes.
///
/// `H` is `Copy`, so dropping it never runs code.
pub(crate) struct Flat<H: Header> {
    block: NonNull<Block<H>>,
    owns: PhantomData<Block<H>>,
}

#[repr(C)]
struct Block<H> {
    capacity: usize,
    header: H,
    // `capacity` bytes follow.
}

impl<H: Header> Flat<H> {
    /// The size of the allocation without the caller's bytes.
    pub(crate) const OVERHEAD: usize = size_of::<Block<H>>();

    /// Allocates a block with `header` and `capacity` zeroed bytes.
    pub(crate) fn new(header: H, capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout has the size of a `Block` at least, so it is not zero.
        let raw = unsafe { alloc_zeroed(layout) }.cast::<Block<H>>();
        let Some(block) = NonNull::new(raw) else { handle_alloc_error(layout) };
        // SAFETY: the block was just allocated with the layout of a `Block`, and nothing else
        // refers to it.
        unsafe { block.write(Block { capacity, header }) };
        H::bytes().add(layout.size());
        Self { block, owns: PhantomData }
    }

    fn layout(capacity: usize) -> Layout {
        let size = Self::OVERHEAD.saturating_add(capacity);
        match Layout::from_size_align(size, align_of::<Block<H>>()) {
            Ok(layout) => layout,
            // Only a capacity near isize::MAX comes here. The allocator itself would abort.
            Err(_) => handle_alloc_error(Layout::new::<Block<H>>()),
        }
    }

    /// The number of bytes behind the header.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        // SAFETY: `block` is live and initialised for as long as `self`.
        unsafe { self.block.as_ref() }.capacity
    }

    #[inline]
    pub(crate) fn header(&self) -> &H {
        // SAFETY: `block` is live and initialised, and borrowed for as long as `self` is.
        let block = unsafe { self.block.as_ref() };
        &block.header
    }

    #[inline]
    pub(crate) fn header_mut(&mut self) -> &mut H {
        // SAFETY: `block` is live and initialised, and `self` is borrowed exclusively.
        let block = unsafe { self.block.as_mut() };
        &mut block.header
    }

    #[inline]
    fn data(&self) -> *mut u8 {
        // SAFETY: the allocation is `OVERHEAD + capacity` bytes long, so this is inside it or one
        // past its end.
        unsafe { self.block.as_ptr().cast::<u8>().add(Self::OVERHEAD) }
    }

    /// The bytes behind the header.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `capacity` initialised bytes stand at `data`, borrowed for as long as `self` is.
        unsafe { std::slice::from_raw_parts(self.data(), self.capacity()) }
    }

    /// The bytes behind the header, to change them.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `capacity` initialised bytes stand at `data`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.data(), self.capacity()) }
    }

    /// Makes room for `capacity` bytes, more or fewer than now; those that stay keep their values,
    /// new ones are 0.
    pub(crate) fn resize(&mut self, capacity: usize) {
        let old = self.capacity();
        let layout = Self::layout(capacity);
        // SAFETY: `block` came from this allocator with the layout of `old`, and the new size is
        // not zero.
        let raw = unsafe { realloc(self.block.as_ptr().cast(), Self::layout(old), layout.size()) };
        let Some(block) = NonNull::new(raw.cast::<Block<H>>()) else { handle_alloc_error(layout) };
        self.block = block;
        // SAFETY: `realloc` moved the block, `capacity` and header included.
        unsafe { self.block.as_mut() }.capacity = capacity;
        H::bytes().replace(Self::layout(old).size(), layout.size());
        if capacity > old {
            // SAFETY: `old` is within the new capacity.
            let fresh = unsafe { self.data().add(old) };
            // SAFETY: the bytes from `old` to `capacity` are inside the allocation.
            unsafe { fresh.write_bytes(0, capacity - old) };
        }
    }

    /// The size of the whole allocation.
    pub(crate) fn allocated(&self) -> usize {
        Self::OVERHEAD + self.capacity()
    }

    /// Hands the allocation over as the pointer to be given to [`Flat::from_raw`] later.
    pub(crate) fn into_raw(self) -> NonNull<u8> {
        let block = self.block;
        std::mem::forget(self);
        block.cast()
    }

    /// Takes an allocation back.
    ///
    /// # Safety
    /// `raw` came from [`Flat::into_raw`] of the same `H`, and no other `Flat` owns it.
    pub(crate) unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Self { block: raw.cast(), owns: PhantomData }
    }
}

impl<H: Header> Clone for Flat<H> {
    fn clone(&self) -> Self {
        let mut copy = Self::new(*self.header(), self.capacity());
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

impl<H: Header> Drop for Flat<H> {
    fn drop(&mut self) {
        let layout = Self::layout(self.capacity());
        // SAFETY: `block` came from this allocator with this layout, and nobody uses it after the
        // drop.
        unsafe { dealloc(self.block.as_ptr().cast(), layout) };
        H::bytes().subtract(layout.size());
    }
}

// SAFETY: a `Flat` owns its allocation alone, like a `Box<H>`.
unsafe impl<H: Header + Send> Send for Flat<H> {}
// SAFETY: a shared `Flat` only hands out shared references.
unsafe impl<H: Header + Sync> Sync for Flat<H> {}

#[cfg(test)]
mod tests {
    use super::*;

    static BYTES: Gauge = Gauge::new();

    impl Header for u32 {
        fn bytes() -> &'static Gauge {
            &BYTES
        }
    }

    impl Header for u64 {
        fn bytes() -> &'static Gauge {
            &BYTES
        }
    }

    impl Header for [u64; 2] {
        fn bytes() -> &'static Gauge {
            &BYTES
        }
    }

    impl Header for [u8; 8] {
        fn bytes() -> &'static Gauge {
            static BYTES: Gauge = Gauge::new();
            &BYTES
        }
    }

    #[test]
    fn the_sizes_of_all_blocks_are_summed_up() {
        let sum = || <[u8; 8]>::bytes().get() as usize;
        let mut flat = Flat::new([0_u8; 8], 10);
        assert_eq!(sum(), flat.allocated());
        let copy = flat.clone();
        flat.resize(100);
        assert_eq!(sum(), flat.allocated() + copy.allocated());
        flat.resize(5);
        assert_eq!(sum(), flat.allocated() + copy.allocated());
        let raw = flat.into_raw();
        drop(copy);
        // SAFETY: `raw` was handed over by `into_raw` above.
        let back: Flat<[u8; 8]> = unsafe { Flat::from_raw(raw) };
        assert_eq!(sum(), back.allocated());
        drop(back);
        assert_eq!(sum(), 0);
    }

    #[test]
    fn resizing_keeps_header_and_bytes_and_zeroes_what_is_new() {
        let mut flat = Flat::new([1_u64, 2], 3);
        flat.bytes_mut().copy_from_slice(b"abc");
        flat.resize(6);
        assert_eq!((flat.header(), flat.bytes()), (&[1, 2], &b"abc\0\0\0"[..]));
        flat.resize(2);
        assert_eq!((flat.header(), flat.bytes()), (&[1, 2], &b"ab"[..]));
    }

    #[test]
    fn either_kind_of_block_comes_back_as_what_it_was() {
        type Either = EitherFlat<u32, [u64; 2]>;
        let bare = Either::Bare(Flat::new(7, 0)).into_raw();
        let full = Either::Full(Flat::new([1, 2], 5)).into_raw();
        // SAFETY: `into_raw` handed it over above.
        assert!(matches!(unsafe { Either::from_raw(bare) }, Either::Bare(flat) if *flat.header() == 7));
        // SAFETY: as above.
        assert!(matches!(unsafe { Either::from_raw(full) }, Either::Full(flat) if *flat.header() == [1, 2]));
    }

    #[test]
    fn a_copy_and_a_raw_round_trip_hold_the_same() {
        let mut flat = Flat::new(7_u64, 4);
        flat.bytes_mut().copy_from_slice(b"wxyz");
        let copy = flat.clone();
        let raw = flat.into_raw();
        // SAFETY: `raw` was handed over by `into_raw` on the line above.
        let back: Flat<u64> = unsafe { Flat::from_raw(raw) };
        assert_eq!((back.header(), back.bytes()), (copy.header(), copy.bytes()));
    }
}
