//! The table of commands. A row registers the command with its arity, flags, key specs, COMMAND
//! DOCS and ACL categories, which it declares beside its handler.

#![forbid(unsafe_code)]

use crate::alert::command::RaiseAlert;
use crate::alert::manage as alerts;
use crate::alert::state::State as Alerts;
use crate::audit::command::Audit;
use crate::audit::manage as auditlog;
use crate::audit::query::command::Query;
use crate::audit::state::State as AuditLog;
use crate::burst::Cooldown;
use crate::burst::detect::Burst;
use crate::outbox::apply::Apply as ApplyToOutbox;
use crate::outbox::manage::{Dead, Discard, Help, Replay};
use crate::ratelimit::limit::RateLimit;
use crate::ratelimit::peek::Peek;
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

pub static COMMANDS: &[CommandEntry] = &[
    CommandEntry::of::<RateLimit>(),
    CommandEntry::of::<Peek>(),
    CommandEntry::of::<Burst>(),
    CommandEntry::of::<RaiseAlert>(),
    CommandEntry::container(alerts::CONTAINER),
    CommandEntry::of::<alerts::list::List>(),
    CommandEntry::of::<Dead<Alerts>>(),
    CommandEntry::of::<Replay<Alerts>>(),
    CommandEntry::of::<Discard<Alerts>>(),
    CommandEntry::of::<alerts::test::Test>(),
    CommandEntry::of::<Help<Alerts>>(),
    CommandEntry::of::<Audit>(),
    CommandEntry::container(auditlog::CONTAINER),
    CommandEntry::of::<Query>(),
    CommandEntry::of::<Dead<AuditLog>>(),
    CommandEntry::of::<Replay<AuditLog>>(),
    CommandEntry::of::<Discard<AuditLog>>(),
    CommandEntry::of::<Help<AuditLog>>(),
    CommandEntry::of::<Issue>(),
    CommandEntry::of::<Rotate>(),
    CommandEntry::of::<Verify>(),
    CommandEntry::of::<Introspect>(),
    CommandEntry::of::<Revoke>(),
    CommandEntry::of::<RevokeAll>(),
    CommandEntry::of::<Sessions>(),
    CommandEntry::of::<Jwks>(),
    CommandEntry::of::<Apply<()>>(),
    CommandEntry::of::<Apply<Cooldown>>(),
    CommandEntry::of::<ApplyToOutbox<Alerts>>(),
    CommandEntry::of::<ApplyToOutbox<AuditLog>>(),
    CommandEntry::of::<ApplyTokens>(),
    #[cfg(feature = "debug-commands")]
    CommandEntry::of::<crate::debug::Debug>(),
];
