//! Ports for programs that tests stop and start again.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Binds a port of 127.0.0.1 that this function returns to nobody else in this process. It is below
/// the kernel's range for outgoing connections, so that it stays free while its owner is stopped.
pub(super) fn own_port() -> TcpListener {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = process::id() as u16 % 97;
    let bound = (0..12_000).find_map(|_| {
        let port = 20_000 + (first * 113 + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        TcpListener::bind(("127.0.0.1", port)).ok()
    });
    bound.expect("a free port")
}
