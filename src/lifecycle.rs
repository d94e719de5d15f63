//! What the module does when the server tells it of something: the wings' work before the event loop sleeps, their
//! state around loading, their workers at the end.

#![forbid(unsafe_code)]

use crate::alert::{persist, pump};
use crate::server::events::Hooks;

/// The table.
pub static HOOKS: Hooks = Hooks {
    before_sleep: pump::before_sleep,
    loading_began: persist::loading_began,
    loading_ended: persist::loading_ended,
    promoted: persist::begin_epoch,
    demoted: pump::attend,
    forked: pump::forked,
    shutdown: pump::shutdown,
};
