//! The threads of the module.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Sender, unbounded};

/// Starts a thread. Every thread of the module starts here.
///
/// A panic in `body` ends this thread alone. The panic hook counts and logs it. `stack` is in
/// bytes; `None` is the default of the standard library.
pub(crate) fn spawn(
    name: impl Into<String>,
    stack: Option<usize>,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut builder = Builder::new().name(name.into());
    if let Some(bytes) = stack {
        builder = builder.stack_size(bytes);
    }
    builder.spawn(move || drop(catch_unwind(AssertUnwindSafe(body))))
}

/// Runs a part of a thread's work. Returns `None` if it panicked, so that the thread can go on. The
/// panic hook counts and logs the panic.
pub(crate) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    let body = || {
        panic_if_asked();
        body()
    };
    catch_unwind(AssertUnwindSafe(body)).ok()
}

/// Panics if `LW.DEBUG THREAD` named this thread. Called where a thread begins a piece of work.
#[inline]
pub(crate) fn panic_if_asked() {
    #[cfg(feature = "debug-commands")]
    debug::panic_if_asked();
}

/// Makes a thread panic in tests.
#[cfg(feature = "debug-commands")]
pub(crate) mod debug {
    use std::sync::{Mutex, PoisonError};

    /// What the name of the thread that is to panic begins with; empty for none.
    static ASKED: Mutex<String> = Mutex::new(String::new());

    /// The next thread whose name begins with `name` panics once.
    pub(crate) fn ask(name: String) {
        *ASKED.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    pub(super) fn panic_if_asked() {
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let current = std::thread::current();
        if !asked.is_empty() && current.name().is_some_and(|name| name.starts_with(&*asked)) {
            asked.clear();
            drop(asked);
            panic!("asked for");
        }
    }
}

/// Drops `value` on a thread, because that takes too long for the main thread.
pub(crate) fn drop_elsewhere<T: Send + 'static>(value: T) {
    static DROPPED: LazyLock<Sender<Box<dyn Send>>> = LazyLock::new(|| {
        let (sender, dropped) = unbounded::<Box<dyn Send>>();
        // Without the thread the channel is closed, and the sender drops the values.
        let _ = spawn("lw-free", None, move || {
            for value in dropped {
                let _ = guarded(move || drop(value));
            }
        });
        sender
    });
    let _ = DROPPED.send(Box::new(value));
}

/// Lowers the priority of the calling thread, so that the server's main thread gets the CPU first.
pub(crate) fn give_way() {
    const LOWER: i32 = 10;
    // SAFETY: on Linux the process id 0 names the calling thread, and no pointer is passed. A
    // failure leaves the priority as it was.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWER) };
}
