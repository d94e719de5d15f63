//! Every command, in one table. A row brings registration, arity, flags, key, COMMAND DOCS and ACL categories: a
//! command declares them beside its handler.

#![forbid(unsafe_code)]

use crate::alert::apply::ApplyAlerts;
use crate::alert::command::RaiseAlert;
use crate::alert::manage as alerts;
use crate::audit::apply::ApplyAudit;
use crate::audit::command::Audit;
use crate::audit::manage as auditlog;
use crate::audit::query::command::Query;
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
    CommandEntry::container(alerts::CONTAINER),
    CommandEntry::of::<alerts::list::List>(),
    CommandEntry::of::<alerts::dead::Dead>(),
    CommandEntry::of::<alerts::replay::Replay>(),
    CommandEntry::of::<alerts::discard::Discard>(),
    CommandEntry::of::<alerts::test::Test>(),
    CommandEntry::of::<alerts::help::Help>(),
    CommandEntry::of::<Audit>(),
    CommandEntry::container(auditlog::CONTAINER),
    CommandEntry::of::<Query>(),
    CommandEntry::of::<auditlog::dead::Dead>(),
    CommandEntry::of::<auditlog::replay::Replay>(),
    CommandEntry::of::<auditlog::discard::Discard>(),
    CommandEntry::of::<auditlog::help::Help>(),
    CommandEntry::of::<Apply<()>>(),
    CommandEntry::of::<Apply<Cooldown>>(),
    CommandEntry::of::<ApplyAlerts>(),
    CommandEntry::of::<ApplyAudit>(),
    #[cfg(feature = "debug-commands")]
    CommandEntry::of::<crate::debug::Debug>(),
];
