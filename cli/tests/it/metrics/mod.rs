//! `lockwatch metrics`, by HTTP as Prometheus asks it.

mod everything;
mod faults;
mod fields;
mod formats;
mod limits;
mod running;
mod safety;
