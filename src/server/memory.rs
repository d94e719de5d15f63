//! The server's memory.

use super::api::api_if_any;

/// The used memory as a share of `maxmemory`, above 1 if it is exceeded; 0 without a `maxmemory`.
/// Leaves out the buffers of replicas and of the AOF, as eviction does. Without a `maxmemory` it
/// costs as much as reading two numbers.
pub(crate) fn used_share() -> f32 {
    // Every supported server has the function; unit tests run without a server.
    let Some(ratio) = api_if_any!(RedisModule_GetUsedMemoryRatio) else { return 0.0 };
    // SAFETY: RedisModule_GetUsedMemoryRatio has no preconditions.
    unsafe { ratio() }
}
