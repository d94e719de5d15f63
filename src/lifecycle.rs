//! What the module does when the server tells it of something: the wings' work before the event loop sleeps, their
//! state around loading, their workers at the end.

#![forbid(unsafe_code)]

use crate::outbox::host;
use crate::server::events;
use crate::server::events::{Hooks, Tick};
use crate::token;
use crate::{alert, audit};

/// The table.
pub static HOOKS: Hooks =
    Hooks { configured, before_sleep, loading_began, loading_ended, promoted, demoted, forked, shutdown };

fn configured() -> Result<(), String> {
    audit::settings::take_environment()
}

fn before_sleep(tick: &Tick) {
    token::settings::before_sleep();
    token::making::before_sleep(tick);
    // It may raise an alert, which then goes out in the same turn.
    audit::scheduler::before_sleep(tick);
    alert::scheduler::before_sleep(tick);
}

fn loading_began() {
    host::loading_began::<alert::state::State>();
    host::loading_began::<audit::state::State>();
}

fn loading_ended() {
    alert::settings::forget_set_again();
    begin_epochs();
    token::life::begin(events::now());
}

fn promoted() {
    begin_epochs();
    token::life::begin(events::now());
}

fn demoted() {
    alert::wake::scheduler();
    audit::wake::scheduler();
}

fn forked(rewrites_aof: bool) {
    alert::wake::DEADLINE.forked(rewrites_aof);
    audit::wake::DEADLINE.forked(rewrites_aof);
}

fn shutdown() {
    alert::scheduler::shutdown();
    audit::scheduler::shutdown();
}

fn begin_epochs() {
    host::begin_epoch::<alert::state::State>();
    host::begin_epoch::<audit::state::State>();
}
