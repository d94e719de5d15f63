//! What a thread of ours asks of the system.

/// From now on the calling thread gets the processor after others that want it, the server's main thread above all.
pub fn give_way() {
    const LOWER: i32 = 10;
    // SAFETY: on Linux a process id of 0 names the calling thread; nothing is read or written through a pointer. If the
    // system refuses, the thread goes on as it was.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWER) };
}
