//! `lockwatch metrics`, by HTTP as Prometheus asks it.

mod faults;
mod formats;
mod limits;
mod running;
mod safety;
