//! The rate limiter: [`ratelimit`] admits or denies a call, [`peek`] tells what it would do.

#![forbid(unsafe_code)]

pub mod counters;
pub mod peek;
pub mod ratelimit;
mod reply;
mod request;
