//! Work in the background. If it panics, somebody notices.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::output::complain;

/// The time after a panic until the work begins anew.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub struct Background {
    task: JoinHandle<()>,
    panic: Arc<Mutex<Option<JoinError>>>,
}

impl Background {
    /// Runs `work`, which has no end of its own. After a panic it begins anew.
    pub fn run<W: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        work: impl Fn() -> W + Send + 'static,
    ) -> Self {
        let panic = Arc::<Mutex<Option<JoinError>>>::default();
        let kept = Arc::clone(&panic);
        let task = tokio::spawn(async move {
            // Ends the work when this task is aborted.
            let mut running = JoinSet::new();
            loop {
                running.spawn(work());
                let Some(Err(why)) = running.join_next().await else { return };
                complain(&format!("{name} has failed, and begins anew: please report it"));
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                sleep(PAUSE).await;
            }
        });
        Self { task, panic }
    }

    /// The last panic, once.
    pub fn panic(&self) -> Option<JoinError> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_noticed_and_begins_anew() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let background = Background::run("a test", move || {
            let counted = Arc::clone(&counted);
            async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
                std::future::pending().await
            }
        });
        let twice = async {
            while begun.load(Ordering::SeqCst) < 2 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PAUSE * 4, twice).await.unwrap();
        assert!(background.panic().is_some_and(|why| why.is_panic()));
        assert!(background.panic().is_none());
    }
}
