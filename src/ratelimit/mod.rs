//! The rate limiter: [`limit`] admits or denies a call, [`peek`] predicts the answer without
//! recording.

#![forbid(unsafe_code)]

mod counters;
pub mod info;
pub mod limit;
pub mod peek;
mod reply;
mod request;
