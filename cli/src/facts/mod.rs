//! What the commands of the module say, as types, and merged over the nodes of a fleet.
//!
//! - [`top`] are the keys that were denied most, [`bans`] those who are banned, [`why`] explains
//!   one of them, [`rules`] are what guards count.
//! - [`alerts`] are the newest alerts and dead letters, [`audit`] searches the audit log.
//! - [`sessions`] are the sessions of a subject, [`keys`] explains one key, [`policies`] are the
//!   named limits.
//! - [`gathered`] asks several nodes at once.

pub mod alerts;
pub mod audit;
pub mod bans;
pub mod gathered;
pub mod keys;
pub mod policies;
pub mod rules;
pub mod sessions;
pub mod top;
pub mod why;

#[cfg(test)]
mod tests;
