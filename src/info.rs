//! Every INFO section, in one table. A wing declares its counters beside what they count.

#![forbid(unsafe_code)]

use crate::server::info::Section;
use crate::{alert, audit, burst, ratelimit, token};

/// The table.
pub static SECTIONS: &[Section] = &[
    ratelimit::info::SECTION,
    burst::info::SECTION,
    token::info::SECTION,
    alert::counters::SECTION,
    audit::counters::SECTION,
];
