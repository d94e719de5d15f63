//! The directive that holds alerts and audit events back, and its field of INFO.

#![forbid(unsafe_code)]

use std::ffi::CStr;

use crate::server::directive::Switch;
use crate::server::info::{Section, Value};

/// Whether alerts are delivered and audit events are shipped.
pub(crate) static SHIP: Switch = Switch::new(c"ship", true);

pub(crate) const SECTION: Section = Section { name: c"ship", counters: &[], made: Some(field) };

fn field(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    field(c"ship", Value::Number(SHIP.get().into()));
}
