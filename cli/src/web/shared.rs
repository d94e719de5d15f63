//! Answers that many visitors share.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The last answer to a question. However many ask at once, one of them fetches it.
pub struct Shared<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Shared<T> {
    /// The last answer, if it is younger than `max_age`; else what `fetch` returns.
    pub async fn get<F: Future<Output = T>>(&self, max_age: Duration, fetch: impl FnOnce() -> F) -> Arc<T> {
        let mut last = self.0.lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < max_age) {
            return Arc::clone(answer);
        }
        let answer = Arc::new(fetch().await);
        *last = Some((Instant::now(), Arc::clone(&answer)));
        answer
    }

    /// Forgets the answer, because something was changed.
    pub async fn clear(&self) {
        *self.0.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_fetch_answers_all_who_ask_in_time() {
        let shared = Shared::default();
        let long = Duration::from_secs(3600);
        assert_eq!(*shared.get(long, || async { 1 }).await, 1);
        assert_eq!(*shared.get(long, || async { 2 }).await, 1);
        assert_eq!(*shared.get(Duration::ZERO, || async { 3 }).await, 3);
        shared.clear().await;
        assert_eq!(*shared.get(long, || async { 4 }).await, 4);
    }
}
