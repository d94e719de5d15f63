//! Guards.

// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod corpus;
mod rules;
