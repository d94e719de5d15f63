//! The handlers of server events: work before the event loop sleeps, loading, a change of role, the
//! shutdown.

#![forbid(unsafe_code)]

use crate::outbox::host;
use crate::outbox::settings::JOURNAL;
use crate::server::clock;
use crate::server::events::{Hooks, Tick};
use crate::server::log;
use crate::token;
use crate::top;
use crate::{alert, audit, guard, lease, policy};

pub(crate) static HOOKS: Hooks = Hooks {
    configured,
    config_set,
    before_sleep,
    loading_began,
    loading_ended,
    promoted,
    demoted,
    disconnected: lease::close::disconnected,
    shutdown,
};

fn configured() -> Result<(), String> {
    if !JOURNAL.get() {
        log::warning(
            "\"journal no\": alerts and audit events are kept in memory only. They are neither in the RDB \
             nor in the AOF of this server, and a restart loses them",
        );
    }
    #[cfg(feature = "debug-commands")]
    clock::debug::read_environment();
    audit::settings::read_environment()
}

fn config_set() {
    top::config_set();
    wake_schedulers();
}

/// Has the schedulers read the directives again.
pub(crate) fn wake_schedulers() {
    alert::wake::scheduler();
    audit::wake::scheduler();
}

fn before_sleep(tick: &Tick) {
    token::seed::before_sleep();
    token::key_generation::before_sleep(tick);
    // First, because it may raise an alert.
    audit::scheduler::before_sleep(tick);
    guard::lost::before_sleep(tick);
    alert::scheduler::before_sleep(tick);
    lease::close::before_sleep(tick);
}

fn loading_began() {
    lease::close::forget_all();
    host::loading_began::<alert::state::State>();
    host::loading_began::<audit::state::State>();
    policy::state::loading_began();
}

fn loading_ended(has_succeeded: bool) {
    host::loading_ended::<alert::state::State>(has_succeeded);
    host::loading_ended::<audit::state::State>(has_succeeded);
    policy::state::loading_ended(has_succeeded);
    guard::lost::forget();
    alert::settings::forget_set_again();
    begin_epochs();
    token::life::begin(clock::now());
}

fn promoted() {
    begin_epochs();
    token::life::begin(clock::now());
}

fn demoted() {
    lease::close::forget_all();
    alert::wake::scheduler();
    audit::wake::scheduler();
}

fn shutdown() {
    alert::scheduler::shutdown();
    audit::scheduler::shutdown();
}

fn begin_epochs() {
    host::begin_epoch::<alert::state::State>();
    host::begin_epoch::<audit::state::State>();
}
