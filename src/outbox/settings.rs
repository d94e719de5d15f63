//! The directive that outboxes share.

use crate::server::directive::Switch;

/// Whether outboxes are saved to the RDB and the AOF. They are loaded in any case.
pub(crate) static JOURNAL: Switch = Switch::new(c"journal", true).fixed();
