//! The section `lockwatch_cell` of INFO.

use crate::server::info::Section;

use super::counters;

pub(crate) const SECTION: Section = Section {
    name: c"cell",
    counters: &[(c"cell_calls_total", &counters::CALLS), (c"cell_denied_total", &counters::DENIED)],
    made: None,
};
