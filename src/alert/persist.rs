//! The outbox in the RDB, and what happens to it around loading.

use std::ffi::CStr;

use crate::server::events::random_u64;
use crate::server::native::Piece;
use crate::server::node::NodeState;

use super::change::{Effect, encode_snapshot};
use super::outbox::Outbox;
use super::{desk, settings, wake};

/// The outbox, as the RDB holds it.
pub struct Saved;

impl NodeState for Saved {
    const NAME: &'static CStr = c"lw-alerts";
    const ENCODING: i32 = 1;

    fn save(write: &mut dyn FnMut(&[u8])) {
        let desk = desk::open();
        if !desk.outbox().is_empty() {
            write(&encode_snapshot(desk.outbox()));
        }
    }

    fn load(first: &[u8], _more: &mut dyn FnMut() -> Option<Piece>) -> Result<(), &'static str> {
        match Effect::decode(first)? {
            Effect::Snapshot(outbox) => desk::open().replace(*outbox),
            Effect::Changes(_) => return Err("it is no outbox"),
        }
        Ok(())
    }
}

/// A data set is about to be loaded: it brings its own outbox.
pub fn loading_began() {
    desk::open().replace(Outbox::default());
}

/// It is loaded: ids made from now on must not be those that were made, and lost, after it was saved.
pub fn loading_ended() {
    settings::forget_set_again();
    begin_epoch();
}

/// Ids are made by this server from now on.
pub fn begin_epoch() {
    desk::open().begin_epoch(random_u64());
    wake::scheduler();
}
