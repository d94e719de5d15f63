//! The token commands, one file each.

pub(crate) mod apply;
mod arguments;
pub(crate) mod claims;
pub(crate) mod introspect;
pub(crate) mod issue;
pub(crate) mod jwks;
pub(crate) mod revoke;
pub(crate) mod revokeall;
pub(crate) mod rotate;
pub(crate) mod sessions;
pub(crate) mod verify;
