//! Guards.

mod rules;
