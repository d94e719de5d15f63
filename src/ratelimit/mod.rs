//! The rate limiter: [`limit`] admits or denies a call, [`peek`] predicts the answer without
//! recording, [`refund`] and [`settle`] correct what a call recorded. [`multi`] judges several keys
//! at once.

#![forbid(unsafe_code)]

mod by_policy;
mod counters;
mod decision;
pub(crate) mod info;
pub(crate) mod limit;
pub(crate) mod multi;
pub(crate) mod peek;
pub(crate) mod refund;
mod reply;
mod request;
pub(crate) mod settle;
mod special;
