//! The token commands, one file each.

pub mod apply;
mod arguments;
pub mod introspect;
pub mod issue;
pub mod jwks;
pub mod revoke;
pub mod revokeall;
pub mod rotate;
pub mod sessions;
pub mod verify;
