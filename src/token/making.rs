//! Who waits for the first keys: LW.ISSUE where nothing is configured. They are made on a thread; then, before the event loop
//! sleeps, each call that waited is made again.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use crate::server::blocked::Waiting;
use crate::server::call::{Call, Outcome};
use crate::server::error::Refusal;
use crate::server::events::{self, Tick};
use crate::server::log;

use super::commands::issue;
use super::error::TokenError;
use super::generate::{self, KEY_FILE, Made, REFRESH_FILE};
use super::grant::Grant;
use super::{keyring, signer};

/// How many calls may wait.
const MOST: usize = 1000;

#[derive(Default)]
struct Making {
    under_way: bool,
    /// What came of it.
    made: Option<Result<Made, String>>,
    calls: Vec<Pending>,
}

struct Pending {
    database: i32,
    argv: Vec<Vec<u8>>,
    waiting: Waiting,
}

static MAKING: LazyLock<Mutex<Making>> = LazyLock::new(Mutex::default);

fn making() -> MutexGuard<'static, Making> {
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the missing keys made, and the call wait for them.
pub fn wait(call: &Call<'_>) -> Outcome {
    let no_key = |why: &'static str| Err(TokenError::NoKey(why.into()).into());
    if call.is_in_cluster() {
        return no_key(
            "nodes of a cluster need the same keys: set lockwatch.jwt-keys and lockwatch.refresh-secret-file",
        );
    }
    if call.require_primary().is_err() {
        return no_key("a replica makes no keys: set lockwatch.jwt-keys and lockwatch.refresh-secret-file");
    }
    if !call.may_wait() {
        return no_key("the first LW.ISSUE makes the keys, which MULTI and scripts can't wait for");
    }
    let mut making = making();
    if making.calls.len() >= MOST {
        return Err(Refusal::Busy("too many calls wait for the first keys to be made"));
    }
    if !making.under_way {
        let thread = Builder::new().name("lw-token-keys".into());
        let made = keyring::made();
        let spawned = thread.spawn(move || {
            let made = generate::make(made);
            self::making().made = Some(made);
            events::wake();
        });
        if spawned.is_err() {
            return Err(Refusal::Unavailable("the system has no thread to give".into()));
        }
        making.under_way = true;
    }
    let waiting = call.wait(signer::PATIENCE)?;
    making.calls.push(Pending { database: call.database(), argv: issue::argv(call), waiting });
    Ok(())
}

/// If keys have been made, makes the calls that waited for them.
pub fn before_sleep(tick: &Tick) {
    let mut making = making();
    if !making.under_way || making.made.is_none() || !tick.may_propagate() {
        return;
    }
    let made = making.made.take();
    let calls = std::mem::take(&mut making.calls);
    making.under_way = false;
    drop(making);
    if let Some(made) = made {
        report(&made);
        keyring::set_made(made);
    }
    for Pending { database, argv, waiting } in calls {
        match tick.call(database, &argv, issue::begin_late) {
            Ok(grant) => hand_over(grant, waiting),
            Err(refusal) => waiting.answer(Box::new(move |_| Err(refusal.clone()))),
        }
    }
}

fn hand_over(grant: Grant, waiting: Waiting) {
    if grant.key.is_slow() {
        return signer::sign(grant, waiting);
    }
    let signature = grant.key.sign(grant.message.as_bytes()).unwrap_or_default();
    waiting.answer(Box::new(move |call| grant.reply_late(call, &signature)));
}

fn report(made: &Result<Made, String>) {
    match made {
        Ok(_) => log::warning(&format!(
            "lockwatch has made keys for tokens: {KEY_FILE} and {REFRESH_FILE} in the working directory. Back them up; name \
             copies of them in lockwatch.jwt-keys and lockwatch.refresh-secret-file on every replica"
        )),
        Err(why) => log::warning(&format!("lockwatch can't make keys for tokens: {why}")),
    }
}
