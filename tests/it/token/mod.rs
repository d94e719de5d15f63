//! LW.ISSUE, LW.ROTATE, LW.VERIFY, LW.INTROSPECT, LW.REVOKE, LW.REVOKEALL, LW.SESSIONS, LW.JWKS.

mod attacks;
mod contexts;
mod failover;
mod fire;
mod fuzz;
mod interop;
mod issue;
mod kept;
mod keys;
mod made;
mod model;
mod revoke;
mod rotate;
mod secrets;
mod slots;
mod verify;
