//! Every INFO section, in one table. A wing declares its counters beside what they count.

#![forbid(unsafe_code)]

use crate::ratelimit::counters;
use crate::server::info::Section;

/// The table.
pub static SECTIONS: &[Section] = &[counters::SECTION];
