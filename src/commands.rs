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
use crate::reload::Reload;
use crate::server::command::CommandEntry;
use crate::token::commands::apply::ApplyTokens;
use crate::token::commands::introspect::Introspect;
use crate::token::commands::issue::Issue;
use crate::token::commands::jwks::Jwks;
use crate::token::commands::revoke::Revoke;
use crate::token::commands::revokeall::RevokeAll;
use crate::token::commands::rotate::Rotate;
use crate::token::commands::sessions::Sessions;
use crate::token::commands::verify::Verify;
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
    CommandEntry::of::<Issue>(),
    CommandEntry::of::<Rotate>(),
    CommandEntry::of::<Verify>(),
    CommandEntry::of::<Introspect>(),
    CommandEntry::of::<Revoke>(),
    CommandEntry::of::<RevokeAll>(),
    CommandEntry::of::<Sessions>(),
    CommandEntry::of::<Jwks>(),
    CommandEntry::of::<Reload>(),
    CommandEntry::of::<Apply<()>>(),
    CommandEntry::of::<Apply<Cooldown>>(),
    CommandEntry::of::<ApplyAlerts>(),
    CommandEntry::of::<ApplyAudit>(),
    CommandEntry::of::<ApplyTokens>(),
    #[cfg(feature = "debug-commands")]
    CommandEntry::of::<crate::debug::Debug>(),
];
