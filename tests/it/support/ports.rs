//! Ports for what is stopped and started again.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Binds a port of 127.0.0.1 that nothing else of this process ever gets from here, and below those the kernel gives to
/// outgoing connections: who stops listening on it must find it free again.
pub(super) fn own_port() -> TcpListener {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = process::id() as u16 % 97;
    let bound = (0..12_000).find_map(|_| {
        let port = 20_000 + (first * 113 + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        TcpListener::bind(("127.0.0.1", port)).ok()
    });
    bound.expect("a free port")
}
