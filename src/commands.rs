//! Every command, in one table. A row brings registration, arity, flags, key, COMMAND DOCS and ACL categories: a
//! command declares them beside its handler.

#![forbid(unsafe_code)]

use crate::ratelimit::limit::RateLimit;
use crate::ratelimit::peek::Peek;
use crate::server::command::CommandEntry;
use crate::window::apply::ApplyWindow;

/// The table.
pub static COMMANDS: &[CommandEntry] = &[
    CommandEntry::of::<RateLimit>(),
    CommandEntry::of::<Peek>(),
    CommandEntry::of::<ApplyWindow>(),
    #[cfg(feature = "debug-commands")]
    CommandEntry::of::<crate::debug::Debug>(),
];
