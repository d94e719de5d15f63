//! The directive of the list of denied keys.

use crate::server::directive::Count;

/// The highest value of the directive.
pub(super) const MAX_KEYS: u64 = 10_000;

/// How many keys the sketch holds; 0 turns it off.
pub(crate) static TOP_KEYS: Count = Count::new(c"top-keys", 100, 0, MAX_KEYS as i64);
