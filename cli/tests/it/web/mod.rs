//! `lockwatch web`: raw requests to the real program.

mod access;
mod actions;
mod clients;
mod exchange;
mod extremes;
mod load;
mod login;
mod origins;
mod outages;
pub mod page;
mod rights;
mod tls;
mod unknown;
