//! That one endpoint did not take an alert in all its tries.

use serde::{Deserialize, Serialize};

use crate::outbox::dead::Cause;
use crate::text::time::Timestamp;

use super::endpoint::EndpointId;
use super::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub endpoint: EndpointId,
    /// The scheme and host of the endpoint.
    pub label: String,
    pub tries: u8,
    /// When the last try failed.
    pub at: Timestamp,
    pub reason: Reason,
}

impl Cause for Letter {
    fn size(&self) -> usize {
        self.label.len() + self.reason.size()
    }

    fn replaces(&self, earlier: &Self) -> bool {
        self.endpoint == earlier.endpoint
    }
}
