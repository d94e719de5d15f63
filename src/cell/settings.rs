//! The directive of CL.THROTTLE.

use crate::server::directive::Switch;

/// Whether the command exists. It would keep a redis-cell from loading that is loaded later.
pub(crate) static CL_THROTTLE: Switch = Switch::new(c"cl-throttle", false).fixed();
