//! The section `lockwatch_top` of INFO.

use std::ffi::CStr;

use crate::server::clock;
use crate::server::info::{Section, Value};

use super::settings::TOP_KEYS;
use super::sketch::{Sketch, whole};

pub(crate) const SECTION: Section = Section { name: c"top", counters: &[], made: Some(gauges) };

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let sketch = super::lock(TOP_KEYS.get());
    let sketch = sketch.as_ref();
    field(c"top_keys", Value::Number(sketch.map_or(0, Sketch::len) as u64));
    let denials = sketch.map_or(0.0, |sketch| sketch.total(clock::now()));
    field(c"top_denials", Value::Number(whole(denials)));
}
