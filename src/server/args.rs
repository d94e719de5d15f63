//! The arguments of a call: borrowed bytes and a cursor over them, without an allocation.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use redis_module::raw;

use super::api::api;
use super::error::Quoted;

/// One argument: its bytes, and the server's string they stand in.
#[derive(Clone, Copy)]
pub struct Arg<'a> {
    string: *mut raw::RedisModuleString,
    call: PhantomData<&'a ()>,
}

impl<'a> Arg<'a> {
    /// The argument's bytes: anything at all, NUL and invalid UTF-8 included.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        let string_ptr_len = api!(RedisModule_StringPtrLen);
        let mut len = 0_usize;
        // SAFETY: `string` is an argument of the running call, alive for `'a`; `len` is where its length goes.
        let data = unsafe { string_ptr_len(self.string, &mut len) };
        // SAFETY: the server's string holds `len` bytes at `data` and nobody changes it during the call.
        unsafe { std::slice::from_raw_parts(data.cast(), len) }
    }

    pub(super) fn string(self) -> *mut raw::RedisModuleString {
        self.string
    }
}

/// A cursor over the arguments of a call, the command's name left out.
#[derive(Clone)]
pub struct Args<'a> {
    rest: &'a [*mut raw::RedisModuleString],
}

impl<'a> Args<'a> {
    /// Those behind a command's name of so many `words`.
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

    /// How many arguments are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
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

/// The option that `word` was probably meant to be: at most two letters away.
fn nearest(word: &[u8], options: &[&'static str]) -> Option<&'static str> {
    const FAR: usize = 3;
    let closest = options.iter().map(|option| (distance(word, option.as_bytes()), *option)).min()?;
    (closest.0 < FAR).then_some(closest.1)
}

/// A word that is none of a command's options, as an error message tells it: with the one that was probably meant.
pub struct UnknownOption<'a> {
    /// The word.
    pub word: &'a [u8],
    /// The options there are.
    pub options: &'static [&'static str],
}

impl Display for UnknownOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown option {}", Quoted(self.word))?;
        match nearest(self.word, self.options) {
            Some(option) => write!(f, ", did you mean {option}?"),
            None => Ok(()),
        }
    }
}

/// How many letters must be changed, added or left out to make `b` of `a`, whatever their case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len() > 2 * b.len() {
        return a.len();
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            let least = change.min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_option_is_recognised() {
        let options = ["COOLDOWN", "ENDPOINT", "IP"];
        assert_eq!(nearest(b"cooldwn", &options), Some("COOLDOWN"));
        assert_eq!(nearest(b"ENDPIONT", &options), Some("ENDPOINT"));
        assert_eq!(nearest(b"something else", &options), None);
    }
}
