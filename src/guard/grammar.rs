//! The file of rules, and how a rule is printed.
//!
//! One rule a line, words separated by blanks, `#` starts a comment:
//!
//! ```text
//! guard rule scope kind[,kind...] COUNT [quiet d] ACTION MODE
//! ```
//!
//! - `guard`, `rule`: names. The rules of guard `*` are added to those of every other guard.
//! - `scope`: `ip`, `user`, `pair` or `key`.
//! - `COUNT`: `each`, `N leak d`, `N users|networks|values leak d` or `N gaps over d`.
//! - `ACTION`: `alert`, `challenge d [alert]` or `ban d [max d]`.
//! - `MODE`: `enforce` or `observe`.
//!
//! [`line`] reads a line, [`check`] refuses rules that make no sense or do harm, [`together`] looks
//! at all rules of a guard, and [`print`] shows a rule.

mod check;
mod line;
mod print;
mod together;

pub(crate) use together::merged;

use crate::text::lines::lines;

use super::rule::Rule;

/// The guard whose rules are added to those of every other guard.
pub(crate) const EVERY: &str = "*";

/// The longest name of a guard, a rule or a kind, in bytes.
pub(crate) const LONGEST_NAME: usize = 32;

/// A rule of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The guard as it is written: a name, or [`EVERY`].
    pub guard: Box<str>,
    pub rule: Rule,
    /// The line of the file, from 1.
    pub line: usize,
}

/// Reads a file of rules. The error names the line, the word and the syntax.
pub(crate) fn parse(file: &[u8]) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for (number, text) in lines(file)? {
        let at_line = |why: String| format!("line {number}: {why}");
        let (guard, rule) = line::read(text).map_err(at_line)?;
        check::check(&rule).map_err(at_line)?;
        entries.push(Entry { guard, rule, line: number });
    }
    together::check(&entries)?;
    Ok(entries)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
