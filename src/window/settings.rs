//! The directive of the window.

use crate::server::directive::Count;

use super::log::MAX_ENTRIES;

/// How many entries a key of LW.RATELIMIT or LW.BURST holds before old ones merge.
pub(crate) static WINDOW_MAX_ENTRIES: Count<u16> =
    Count::new(c"window-max-entries", 512, 8, MAX_ENTRIES as i64);
