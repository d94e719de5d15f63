//! The section of all outboxes in `INFO lockwatch`.

use crate::server::info::{Section, Value};

use super::settings::JOURNAL;

pub(crate) const SECTION: Section = Section {
    name: c"outbox",
    counters: &[],
    made: Some(|show| show(c"journal", Value::Number(JOURNAL.get().into()))),
};
