//! Work that goes on although nobody waits for it any more.

use std::panic::resume_unwind;

/// Runs `work` in a task of its own and returns its result. A caller that is dropped meanwhile,
/// such as the request of a client that has hung up, does not stop it. A panic becomes the
/// caller's.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(why) if why.is_panic() => resume_unwind(why.into_panic()),
        // The runtime is shutting down, and drops the caller too.
        Err(_) => std::future::pending().await,
    }
}
