//! Events that were refused for want of room.

use serde::{Deserialize, Serialize};

use crate::text::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// The number of events.
    pub count: u64,
    /// The number of denials among them.
    pub limited: u64,
    /// When the first event was refused.
    pub from: Timestamp,
    /// When the last event was refused.
    pub to: Timestamp,
}
