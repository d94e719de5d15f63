//! The table of INFO sections. Each part declares its fields in its own `info.rs`.

#![forbid(unsafe_code)]

use crate::server::info::Section;
use crate::{alert, audit, burst, cell, guard, lease, outbox, policy, ratelimit, ship, token, top};

pub(crate) static SECTIONS: &[Section] = &[
    ratelimit::info::SECTION,
    policy::info::SECTION,
    cell::info::SECTION,
    top::info::SECTION,
    burst::info::SECTION,
    lease::info::SECTION,
    guard::info::SECTION,
    token::info::SECTION,
    ship::SECTION,
    alert::info::SECTION,
    audit::info::SECTION,
    outbox::info::SECTION,
];
