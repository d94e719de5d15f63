//! The audit log in the RDB, and what happens to it around loading.

use std::ffi::CStr;

use crate::server::events::random_u64;
use crate::server::native::Piece;
use crate::server::node::NodeState;

use super::change::Effect;
use super::ledger::Ledger;
use super::{recorder, wake};

/// The ledger, as the RDB holds it.
pub struct Saved;

impl NodeState for Saved {
    const NAME: &'static CStr = c"lw-audits";
    const ENCODING: i32 = 1;

    /// As many buffers as it takes, and an empty one behind them.
    fn save(write: &mut dyn FnMut(&[u8])) {
        let recorder = recorder::open();
        if !recorder.ledger().is_empty() {
            recorder.ledger().payloads().for_each(|payload| write(&payload));
            write(&[]);
        }
    }

    fn load(first: &[u8], more: &mut dyn FnMut() -> Option<Piece>) -> Result<(), &'static str> {
        let Effect::Opening(opening) = Effect::decode(first)? else { return Err("it is no ledger") };
        let mut ledger = Ledger::open(*opening)?;
        loop {
            let payload = more().ok_or("the stream is cut short")?;
            if payload.is_empty() {
                break;
            }
            match Effect::decode(&payload)? {
                Effect::Events(events) => ledger.fill(events)?,
                _ => return Err("it is no stretch of events"),
            }
        }
        recorder::open().replace(ledger);
        Ok(())
    }
}

/// A data set is about to be loaded: it brings its own ledger.
pub fn loading_began() {
    recorder::open().replace(Ledger::default());
}

/// It is loaded, or this server has become a primary: ids made from now on must not be those that were made, and lost,
/// after it was saved.
pub fn begin_epoch() {
    recorder::open().begin_epoch(random_u64());
    wake::scheduler();
}
