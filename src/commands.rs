//! Every command, in one table. A row brings registration, arity, flags, key, COMMAND DOCS and ACL categories: a
//! command declares them beside its handler.

#![forbid(unsafe_code)]

use crate::alert::apply::ApplyAlerts;
use crate::alert::command::RaiseAlert;
use crate::alert::manage;
use crate::alert::manage::dead::Dead;
use crate::alert::manage::discard::Discard;
use crate::alert::manage::help::Help;
use crate::alert::manage::list::List;
use crate::alert::manage::replay::Replay;
use crate::alert::manage::test::Test;
use crate::burst::Cooldown;
use crate::burst::detect::Burst;
use crate::ratelimit::limit::RateLimit;
use crate::ratelimit::peek::Peek;
use crate::server::command::CommandEntry;
use crate::window::apply::Apply;

/// The table.
pub static COMMANDS: &[CommandEntry] = &[
    CommandEntry::of::<RateLimit>(),
    CommandEntry::of::<Peek>(),
    CommandEntry::of::<Burst>(),
    CommandEntry::of::<RaiseAlert>(),
    CommandEntry::container(manage::CONTAINER),
    CommandEntry::of::<List>(),
    CommandEntry::of::<Dead>(),
    CommandEntry::of::<Replay>(),
    CommandEntry::of::<Discard>(),
    CommandEntry::of::<Test>(),
    CommandEntry::of::<Help>(),
    CommandEntry::of::<Apply<()>>(),
    CommandEntry::of::<Apply<Cooldown>>(),
    CommandEntry::of::<ApplyAlerts>(),
    #[cfg(feature = "debug-commands")]
    CommandEntry::of::<crate::debug::Debug>(),
];
