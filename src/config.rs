//! Every directive, in one table. redis.conf.example documents the same list.

#![forbid(unsafe_code)]

use crate::server::directive::Directive;
use crate::window::effect::MAX_ENTRIES;

/// The most entries a rate limiter's key holds before old ones merge.
pub static WINDOW_MAX_ENTRIES: Directive = Directive::new(c"window-max-entries", 512, 8, MAX_ENTRIES as i64);

/// The table.
pub static DIRECTIVES: &[&Directive] = &[&WINDOW_MAX_ENTRIES];
