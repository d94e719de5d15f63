//! Several limits on several keys in one call: [`limit`] is `LW.MRATELIMIT`, [`peek`] is
//! `LW.MPEEK`.
//!
//! - [`request`]: their arguments, grouped by key.
//! - [`decide`]: decides a call, and the changes that follow. Pure.
//! - [`reply`]: their reply.

mod decide;
pub(crate) mod limit;
pub(crate) mod peek;
mod reply;
mod request;

#[cfg(test)]
mod properties;
