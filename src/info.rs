//! Every INFO section, in one table. Each part of the module declares its own.

#![forbid(unsafe_code)]

use crate::server::info::Section;
use crate::{alert, audit, burst, ratelimit, token};

/// The table.
pub static SECTIONS: &[Section] = &[
    ratelimit::counters::SECTION,
    burst::counters::SECTION,
    token::counters::SECTION,
    alert::info::SECTION,
    audit::info::SECTION,
];
