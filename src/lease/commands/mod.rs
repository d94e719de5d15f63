//! The lease commands, one file each.

pub(crate) mod acquire;
pub(crate) mod apply;
pub(crate) mod release;
pub(crate) mod renew;
