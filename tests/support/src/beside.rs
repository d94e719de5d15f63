//! Load beside a test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Tells the threads of [`beside`] to end.
#[derive(Default)]
pub struct Stop(AtomicBool);

impl Stop {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `load` on `threads` threads, with the thread's number, while `during` runs. Returns what
/// both returned.
///
/// `load` must return soon after [`Stop::is_set`], which becomes true when `during` returns and
/// also when it panics. Otherwise a failed assertion in `during` would hang the test.
pub fn beside<T: Send, R>(
    threads: usize,
    load: impl Fn(usize, &Stop) -> T + Sync,
    during: impl FnOnce() -> R,
) -> (R, Vec<T>) {
    struct SetOnDrop<'a>(&'a Stop);
    impl Drop for SetOnDrop<'_> {
        fn drop(&mut self) {
            self.0.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = Stop::default();
    thread::scope(|scope| {
        let end = SetOnDrop(&stop);
        let (load, stop) = (&load, &stop);
        let running: Vec<_> = (0..threads).map(|i| scope.spawn(move || load(i, stop))).collect();
        let result = during();
        drop(end);
        let join = |thread: thread::ScopedJoinHandle<'_, T>| {
            thread.join().unwrap_or_else(|why| std::panic::resume_unwind(why))
        };
        (result, running.into_iter().map(join).collect())
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_beside_the_load_ends_the_load() {
        let spin = |i: usize, stop: &Stop| {
            while !stop.is_set() {
                thread::yield_now();
            }
            i
        };
        assert!(catch_unwind(AssertUnwindSafe(|| beside(3, spin, || panic!("on purpose")))).is_err());
        assert_eq!(beside(3, spin, || "fine"), ("fine", vec![0, 1, 2]));
        assert!(catch_unwind(|| beside(1, |_, _| panic!("on purpose"), || ())).is_err());
    }
}
