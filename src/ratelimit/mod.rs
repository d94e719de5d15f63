//! The rate limiter: [`limit`] admits or denies a call, [`peek`] tells what it would do.

#![forbid(unsafe_code)]

mod counters;
pub mod info;
pub mod limit;
pub mod peek;
mod reply;
mod request;
