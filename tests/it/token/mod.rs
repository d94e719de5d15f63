//! LW.ISSUE, LW.ROTATE, LW.CLAIMS, LW.VERIFY, LW.INTROSPECT, LW.REVOKE, LW.REVOKEALL, LW.SESSIONS,
//! LW.JWKS.

mod attacks;
mod audience;
mod claims;
mod cluster;
mod concurrency;
mod contexts;
mod failover;
mod fuzz;
mod generated_keys;
mod interop;
mod issue;
mod keys;
mod model;
mod persistence;
mod revoke;
mod rotate;
mod secrets;
mod verify;
