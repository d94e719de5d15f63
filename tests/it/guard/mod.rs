//! Guards.

mod bounds;
mod rules;
