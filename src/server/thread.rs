//! System calls of the module's threads.

/// Lowers the priority of the calling thread, so that the server's main thread gets the CPU first.
pub(crate) fn give_way() {
    const LOWER: i32 = 10;
    // SAFETY: on Linux the process id 0 names the calling thread, and no pointer is passed. A
    // failure leaves the priority as it was.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWER) };
}
