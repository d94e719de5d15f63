//! Every INFO section, in one table. A wing declares its counters beside what they count.

#![forbid(unsafe_code)]

use crate::server::info::Section;
use crate::{alert, audit, burst, ratelimit, token};

/// The table.
pub static SECTIONS: &[Section] = &[
    ratelimit::counters::SECTION,
    burst::counters::SECTION,
    token::counters::SECTION,
    alert::counters::SECTION,
    audit::counters::SECTION,
];
