//! An attempt to deliver an alert, and its result.

use std::sync::Arc;
use std::time::Duration;

use crate::journal::id::Id;
use crate::server::histogram::Histogram;

use super::Alert;
use super::endpoint::{Endpoint, EndpointId};
use super::webhook::DeliveryStatus;

/// How long each attempt took, in milliseconds. The longest `webhook-timeout` is a minute.
pub(crate) static DURATIONS: Histogram<12> =
    Histogram::new([5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000]);

/// An attempt to deliver an alert to an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub id: Id,
    pub alert: Arc<Alert>,
    pub endpoint: Arc<Endpoint>,
    pub timeout: Duration,
    /// Whether private, shared and loopback addresses may be dialled.
    pub allow_private: bool,
    /// The generation of the settings that it goes by: see [`super::worker::Workers::recall`].
    pub generation: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttemptResult {
    pub id: Id,
    pub endpoint: EndpointId,
    pub status: DeliveryStatus,
    pub took: Duration,
}

impl Attempt {
    pub(super) fn finished(&self, status: DeliveryStatus, took: Duration) -> AttemptResult {
        AttemptResult { id: self.id, endpoint: self.endpoint.id, status, took }
    }

    pub(super) fn not_started(&self, status: DeliveryStatus) -> AttemptResult {
        self.finished(status, Duration::ZERO)
    }
}
