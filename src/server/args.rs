//! The arguments of a call: borrowed bytes and a cursor over them, without an allocation.

use std::marker::PhantomData;

use super::api::api;
use super::raw;

#[derive(Clone, Copy)]
pub(crate) struct Arg<'a> {
    string: *mut raw::RedisModuleString,
    call: PhantomData<&'a ()>,
}

impl<'a> Arg<'a> {
    /// Any bytes, including NUL and invalid UTF-8.
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        let string_ptr_len = api!(RedisModule_StringPtrLen);
        let mut len = 0_usize;
        // SAFETY: `string` is an argument of the running call, alive for `'a`; `len` is where its
        // length goes.
        let data = unsafe { string_ptr_len(self.string, &mut len) };
        // SAFETY: the server's string holds `len` bytes at `data` and nobody changes it during the
        // call.
        unsafe { std::slice::from_raw_parts(data.cast(), len) }
    }

    pub(super) fn string(self) -> *mut raw::RedisModuleString {
        self.string
    }
}

/// A cursor over the arguments of a call.
#[derive(Clone)]
pub(crate) struct Args<'a> {
    rest: &'a [*mut raw::RedisModuleString],
}

impl<'a> Args<'a> {
    /// The arguments behind a command name of `words` words.
    ///
    /// # Safety
    /// `argv` holds `argc` valid strings, and they outlive `'a`.
    #[inline]
    pub(super) unsafe fn new(argv: *mut *mut raw::RedisModuleString, argc: i32, words: usize) -> Self {
        let count = usize::try_from(argc).unwrap_or(0);
        // SAFETY: the caller's promise.
        let all = unsafe { std::slice::from_raw_parts(argv, count) };
        Self { rest: all.get(words..).unwrap_or_default() }
    }

    /// How many arguments are left.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The arguments of OnLoad, which have no command name in front.
    ///
    /// # Safety
    /// As for [`Args::new`].
    pub(super) unsafe fn of_load(argv: *mut *mut raw::RedisModuleString, argc: i32) -> Self {
        let count = usize::try_from(argc).unwrap_or(0);
        if count == 0 {
            return Self { rest: &[] };
        }
        // SAFETY: the caller's promise.
        Self { rest: unsafe { std::slice::from_raw_parts(argv, count) } }
    }
}

impl<'a> Iterator for Args<'a> {
    type Item = Arg<'a>;

    #[inline]
    fn next(&mut self) -> Option<Arg<'a>> {
        let (&string, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(Arg { string, call: PhantomData })
    }
}
