//! Answers that many visitors share, so that the calls to the servers do not grow with the
//! visitors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::detached::detached;
use crate::sampler::MAX_AGE;

/// The most questions whose answers are kept. One more forgets the one that was asked longest ago.
const MOST: usize = 32;

/// The last answers to questions, such as the guard and the list of a page of bans. However many
/// ask the same at once, one of them fetches the answer.
pub struct Shared<K, T> {
    max_age: Duration,
    /// In the order in which they were asked last.
    answers: Mutex<VecDeque<(K, Answer<T>)>>,
}

/// `None` until it was fetched for the first time. Locked while it is fetched.
type Answer<T> = Arc<tokio::sync::Mutex<Option<(Instant, Arc<T>)>>>;

impl<K, T> Default for Shared<K, T> {
    fn default() -> Self {
        Self { max_age: MAX_AGE, answers: Mutex::default() }
    }
}

impl<K: PartialEq, T: Send + Sync + 'static> Shared<K, T> {
    /// The last answer to `question`, if it is younger than [`MAX_AGE`]; else what `fetch` returns.
    /// A caller that is dropped meanwhile leaves the answer to the next one.
    pub async fn get(&self, question: K, fetch: impl Future<Output = T> + Send + 'static) -> Arc<T> {
        let mut last = self.answer(question).lock_owned().await;
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < self.max_age) {
            return Arc::clone(answer);
        }
        detached(async move {
            let answer = Arc::new(fetch.await);
            *last = Some((Instant::now(), Arc::clone(&answer)));
            answer
        })
        .await
    }

    fn answer(&self, question: K) -> Answer<T> {
        let mut answers = self.lock();
        let known = answers.iter().position(|(known, _)| *known == question);
        let entry = match known.and_then(|index| answers.remove(index)) {
            Some(entry) => entry,
            None => {
                answers.retain(|(_, answer)| self.is_of_use(answer));
                if answers.len() >= MOST {
                    answers.pop_front();
                }
                (question, Answer::default())
            }
        };
        let answer = Arc::clone(&entry.1);
        answers.push_back(entry);
        answer
    }

    /// Whether an answer is being fetched, or young enough.
    fn is_of_use(&self, answer: &Answer<T>) -> bool {
        let is_young = || {
            answer
                .try_lock()
                .is_ok_and(|last| last.as_ref().is_some_and(|(at, _)| at.elapsed() < self.max_age))
        };
        Arc::strong_count(answer) > 1 || is_young()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(K, Answer<T>)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the answers, also those that are being fetched, because something was changed.
    pub fn clear(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::{join_all, pending};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn one_fetch_answers_all_who_ask_the_same_in_time() {
        let shared = Shared::default();
        let answers = join_all((0..20).map(|n| shared.get("a", async move { n }))).await;
        assert!(answers.iter().all(|answer| **answer == 0), "{answers:?}");
        assert_eq!(*shared.get("b", async { 100 }).await, 100);
        assert_eq!(*shared.get("a", async { 101 }).await, 0);
        shared.clear();
        assert_eq!(*shared.get("a", async { 102 }).await, 102);
        let old = Shared { max_age: Duration::ZERO, ..Shared::default() };
        assert_eq!(*old.get("a", async { 1 }).await, 1);
        assert_eq!(*old.get("a", async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn who_is_gone_leaves_the_answer_to_the_next() {
        let shared = Shared::default();
        let (answer, answered) = oneshot::channel();
        assert_eq!(shared.get((), async { answered.await.unwrap() }).now_or_never(), None);
        assert_eq!(shared.get((), async { 2 }).now_or_never(), None, "the first fetch goes on");
        answer.send(1).unwrap();
        assert_eq!(*shared.get((), async { 3 }).await, 1);
    }

    #[tokio::test]
    async fn an_answer_from_before_a_change_is_not_shared() {
        let shared = Shared::default();
        assert_eq!(shared.get((), pending()).now_or_never(), None);
        shared.clear();
        assert_eq!(*shared.get((), async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn a_fetch_that_panics_is_repeated() {
        let shared = Arc::new(Shared::default());
        let copy = Arc::clone(&shared);
        let caller = tokio::spawn(async move { copy.get((), async { panic!("broken") }).await });
        assert!(caller.await.is_err_and(|why| why.is_panic()));
        assert_eq!(*shared.get((), async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn the_number_of_answers_is_bounded() {
        let shared = Shared::default();
        for n in 0..100 {
            assert_eq!(*shared.get(n, async move { n }).await, n);
            assert_eq!(*shared.get(0, async { 100 }).await, 0, "it was asked a moment ago");
        }
        assert_eq!(shared.lock().len(), MOST);
        assert_eq!(shared.get(-1, pending()).now_or_never(), None);
        assert_eq!(shared.lock().len(), MOST);
        let old = Shared { max_age: Duration::ZERO, ..Shared::default() };
        for n in 0..10 {
            old.get(n, async {}).await;
        }
        assert_eq!(old.lock().len(), 1, "what is too old is forgotten");
    }
}
