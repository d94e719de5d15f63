//! The rate limiter: [`limit`] admits or denies a call, [`peek`] predicts the answer without
//! recording.

#![forbid(unsafe_code)]

mod counters;
pub(crate) mod info;
pub(crate) mod limit;
pub(crate) mod peek;
mod reply;
mod request;
mod special;
