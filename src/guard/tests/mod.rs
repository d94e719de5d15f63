//! Tests of a guard as a whole.
//!
//! - [`site`] is a guard with rules, a clock and a replica. [`calls`] are random rules and calls.
//! - [`against_model`] compares decisions with those of [`model`], a second implementation.
//! - The others test one promise each.

mod against_model;
mod calls;
mod clock;
mod copies;
mod hostile;
mod independence;
mod model;
mod outcomes;
mod restraint;
mod room;
mod site;
