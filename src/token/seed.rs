//! Seeds the random generator of the cryptography library on a thread.
//!
//! ES256 signatures and RSA blinding take random numbers from aws-lc. It seeds its generator once
//! per process, from the jitter of the CPU, when the first thread asks for a number. That takes 20
//! to 100 ms. So a thread asks as soon as there is a key that will. Until it is done,
//! [`signer`](super::signer) signs with such keys on its workers.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::server::thread::{give_way, spawn};

use super::key::Key;

/// No key has needed random numbers so far.
const UNUSED: u8 = 0;
/// The thread is to be started.
const WANTED: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(UNUSED);

/// Has the generator seeded soon if signing with `key` needs it. Starts no thread, because the
/// server may still be loading the module.
pub(crate) fn prepare_for(key: &Key) {
    if key.needs_random() {
        let _ = STATE.compare_exchange(UNUSED, WANTED, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Whether `key` can sign without waiting for the generator.
pub(crate) fn is_ready_for(key: &Key) -> bool {
    !key.needs_random() || STATE.load(Ordering::Acquire) == DONE
}

/// Starts the thread if it is wanted. Otherwise this is one atomic load.
pub(crate) fn before_sleep() {
    if STATE.load(Ordering::Relaxed) != WANTED {
        return;
    }
    STATE.store(RUNNING, Ordering::Relaxed);
    let seed = || {
        give_way();
        if aws_lc_rs::rand::fill(&mut [0]).is_ok() {
            done();
        }
    };
    // If there is no thread, the first worker that signs seeds the generator.
    let _ = spawn("lw-token-seed", None, seed);
}

/// To be called when a thread has made a signature that needs random numbers.
pub(crate) fn done() {
    STATE.store(DONE, Ordering::Release);
}
