//! Random bytes of the system.
//!
//! The cryptography library's generator measures the jitter of the CPU before its first use, which
//! takes 20 to 100 ms. The main thread can't wait for that.

/// The most bytes that the system gives as a whole (getrandom(2)).
const MOST: usize = 256;

/// Fills an array, or returns `None` if the system has no random bytes to give: early after its
/// start, or because it lacks getrandom(2). Takes less than a microsecond and never waits.
pub(crate) fn bytes<const N: usize>() -> Option<[u8; N]> {
    const { assert!(N <= MOST) };
    let mut bytes = [0; N];
    // SAFETY: the buffer has room for `N` bytes.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), N, libc::GRND_NONBLOCK) };
    usize::try_from(filled).is_ok_and(|filled| filled == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_results_are_equal() {
        let mut all: Vec<[u8; 16]> = (0..1000).map(|_| super::bytes().unwrap()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1000);
    }
}
