//! Refuses calls that need more memory while the server is above its `maxmemory`.
//!
//! The flag `deny-oom` refuses every call of a command. LW.ROTATE and LW.CLAIMS must work above
//! `maxmemory` too, so they ask only when a session would grow.

use crate::server::memory;

use super::error::TokenError;

/// Refuses the call with `OOM` above `maxmemory`.
pub(crate) fn require() -> Result<(), TokenError> {
    if memory::used_share() > 1.0 { Err(TokenError::NoMemory) } else { Ok(()) }
}
