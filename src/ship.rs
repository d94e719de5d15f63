//! The directive that holds alerts and audit events back.

#![forbid(unsafe_code)]

use crate::server::directive::Switch;

/// Whether alerts are delivered and audit events are shipped.
pub(crate) static SHIP: Switch = Switch::new(c"ship", true);
