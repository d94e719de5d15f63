//! LW.MRATELIMIT and LW.MPEEK: limits on several keys in one call, recorded for all or none.

mod arguments;
mod contexts;
mod effects;
mod keys;
mod racing;
mod reply;
