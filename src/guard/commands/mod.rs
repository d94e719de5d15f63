//! The commands of guards.

pub(crate) mod rules;
