//! Releases the leases of connections that have closed.
//!
//! When the server reports a closed connection, state must not change. So its leases are noted
//! then, and released before the event loop sleeps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::events::{self, Tick};
use crate::text::time::Timestamp;

use super::connections::{Connections, MOST, MOST_BYTES, MOST_OF_ONE, Place};
use super::counters;
use super::id::{Fence, LeaseId};
use super::native::update;

/// Leases that are released in one turn of the event loop.
const PER_TURN: usize = 256;

/// Only the main thread uses it.
static CONNECTIONS: Mutex<Connections> = Mutex::new(Connections::new());

/// Whether [`CONNECTIONS`] holds any lease: what most servers read of it.
static HAS_ANY: AtomicBool = AtomicBool::new(false);
/// Whether one of them is to be released.
static HAS_CLOSED: AtomicBool = AtomicBool::new(false);

fn lock() -> MutexGuard<'static, Connections> {
    CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection that gets a lease with ONCLOSE.
pub(super) struct Closing {
    client: u64,
}

impl Closing {
    /// The connection of the caller.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        call.require_primary()?;
        let client = call.connected_client().ok_or_else(|| {
            Refusal::malformed("ONCLOSE needs a connection that can close: it is not for scripts")
        })?;
        Ok(Self { client })
    }

    pub(super) fn require_room(&self, place: &Place, now: Timestamp) -> Result<(), Refusal> {
        if lock().has_room(self.client, place, now) {
            return Ok(());
        }
        Err(Refusal::Full(format!(
            "too many leases end when a connection closes: up to {MOST_OF_ONE} of one connection and {MOST} of all, \
             whose keys have names of up to {MOST_BYTES} bytes in all"
        )))
    }

    pub(super) fn bind(&self, place: Place, fence: Fence, end: Timestamp) {
        lock().bind(self.client, place, fence, end);
        HAS_ANY.store(true, Ordering::Relaxed);
    }
}

/// Where the lease `id` of the call's key is.
pub(super) fn place(call: &Call<'_>, id: LeaseId) -> Place {
    let (key, _) = call.key_and_args();
    Place { database: call.database(), key: key.bytes().into(), id }
}

/// The lease `id` of the call's key ends with no connection.
pub(super) fn forget(call: &Call<'_>, id: LeaseId) {
    if HAS_ANY.load(Ordering::Relaxed) {
        lock().forget(&place(call, id));
    }
}

/// The lease `id` of the call's key was renewed.
pub(super) fn renewed(call: &Call<'_>, id: LeaseId, end: Timestamp) {
    if HAS_ANY.load(Ordering::Relaxed) {
        lock().renewed(&place(call, id), end);
    }
}

/// The number of leases that end when their connection closes, and of those connections.
pub(super) fn counts() -> (usize, usize) {
    lock().counts()
}

/// A client has disconnected.
pub(crate) fn disconnected(client: u64) {
    if HAS_ANY.load(Ordering::Relaxed) && lock().disconnected(client) {
        HAS_CLOSED.store(true, Ordering::Relaxed);
        events::wake();
    }
}

/// Forgets everything: the leases live to their end. This server is not their primary any more, or
/// loads other data.
pub(crate) fn forget_all() {
    *lock() = Connections::new();
    HAS_ANY.store(false, Ordering::Relaxed);
    HAS_CLOSED.store(false, Ordering::Relaxed);
}

pub(crate) fn before_sleep(tick: &Tick) {
    if !HAS_CLOSED.load(Ordering::Relaxed) || !tick.is_primary() || !tick.may_propagate() {
        return;
    }
    for _ in 0..PER_TURN {
        let next = lock().next_closed();
        let Some((place, fence)) = next else {
            HAS_CLOSED.store(false, Ordering::Relaxed);
            HAS_ANY.store(!lock().is_empty(), Ordering::Relaxed);
            return;
        };
        release(tick, &place, fence);
    }
    events::wake();
}

/// Releases the lease if it is the one that the connection got: neither ended, nor acquired again.
fn release(tick: &Tick, place: &Arc<Place>, fence: Fence) {
    let released = tick.call(place.database, &[place.key.to_vec()], |call| {
        let (name, _) = call.key_and_args();
        let now = call.now();
        update(call.write(name), |leases| Ok(leases.release(&place.id, Some(fence), now)))
    });
    // A key of another type holds no lease.
    if let Ok(true) = released {
        counters::CLOSED.count();
    }
}
