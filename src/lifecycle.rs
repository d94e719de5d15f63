//! What the module does when the server tells it of something: the wings' work before the event loop sleeps, their
//! state around loading, their workers at the end.

#![forbid(unsafe_code)]

use crate::server::events;
use crate::server::events::{Hooks, Tick};
use crate::token;
use crate::{alert, audit};

/// The table.
pub static HOOKS: Hooks = Hooks {
    configured,
    config_set: wake_schedulers,
    before_sleep,
    loading_began,
    loading_ended,
    promoted,
    demoted,
    forked,
    shutdown,
};

fn configured() -> Result<(), String> {
    audit::settings::read_environment()
}

/// Has the schedulers look at the directives.
pub fn wake_schedulers() {
    alert::pump::attend();
    audit::pump::attend();
}

fn before_sleep(tick: &Tick) {
    token::key_generation::before_sleep(tick);
    // It may raise an alert, which then goes out in the same turn.
    audit::pump::before_sleep(tick);
    alert::pump::before_sleep(tick);
}

fn loading_began() {
    alert::persist::loading_began();
    audit::persist::loading_began();
}

fn loading_ended() {
    alert::persist::loading_ended();
    audit::persist::begin_epoch();
    token::life::begin(events::now());
}

fn promoted() {
    alert::persist::begin_epoch();
    audit::persist::begin_epoch();
    token::life::begin(events::now());
}

fn demoted() {
    alert::pump::attend();
    audit::pump::attend();
}

fn forked(rewrites_aof: bool) {
    alert::pump::forked(rewrites_aof);
    audit::pump::forked(rewrites_aof);
}

fn shutdown() {
    alert::pump::shutdown();
    audit::pump::shutdown();
}
