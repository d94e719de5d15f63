//! Who waits for the first keys: LW.ISSUE where nothing is configured. They are made on a thread; then, before the event loop
//! sleeps, each call that waited is made again.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::server::blocked::Waiting;
use crate::server::call::{Call, Outcome};
use crate::server::error::Refusal;
use crate::server::events::{self, Tick};
use crate::server::log;
use crate::server::thread::give_way;

use super::commands::issue;
use super::error::TokenError;
use super::generate::{self, KEY_FILE, Made, Needs, REFRESH_FILE};
use super::grant::Grant;
use super::store::Store;
use super::{keyring, signer};

/// How many calls may wait.
const MOST: usize = 1000;

/// Tells how the making ended.
struct End(Result<Made, String>);

impl Drop for End {
    fn drop(&mut self) {
        making().made = Some(std::mem::replace(&mut self.0, Err(String::new())));
        events::wake();
    }
}

/// After it has failed it is not tried again for so long: finding primes is work, and each failure a line in the log.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Making {
    failed: Option<Instant>,
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

/// Has the missing keys made, and the call, which is on `store`, wait for them.
pub fn wait(call: &Call<'_>, store: Option<&Store>) -> Outcome {
    let no_key = |why: &'static str| Err(TokenError::NoKey(why.into()).into());
    if call.is_in_cluster() {
        return no_key(
            "nodes of a cluster need the same keys: set lockwatch.jwt-keys and lockwatch.refresh-secret-file",
        );
    }
    if call.require_primary().is_err() {
        return no_key("a replica makes no keys: set lockwatch.jwt-keys and lockwatch.refresh-secret-file");
    }
    // A promoted replica, or a server whose key file is gone: with new keys every token of before would be worthless.
    if store.is_some_and(is_of_other_keys) {
        return no_key(
            "the store holds sessions whose keys are not here: set lockwatch.jwt-keys and \
                       lockwatch.refresh-secret-file to those, or delete it",
        );
    }
    if !call.may_wait() {
        return no_key("the first LW.ISSUE makes the keys, which MULTI and scripts can't wait for");
    }
    let mut making = making();
    if making.calls.len() >= MOST {
        return Err(Refusal::Busy("too many calls wait for the first keys to be made"));
    }
    if making.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
        return Err(keyring::no_key().into());
    }
    if !making.under_way {
        let thread = Builder::new().name("lw-token-keys".into());
        let needs = keyring::needs();
        let spawned = thread.spawn(move || {
            // However it ends, those who wait are answered.
            let mut end = End(Err("an internal error ended it".to_owned()));
            give_way();
            end.0 = generate::make(needs);
        });
        if spawned.is_err() {
            return Err(Refusal::Unavailable("the system has no thread to give".into()));
        }
        making.under_way = true;
    }
    let waiting = call.wait()?;
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
    making.failed = matches!(made, Some(Err(_))).then(Instant::now);
    drop(making);
    if let Some(made) = made {
        report(&made, keyring::needs());
        keyring::set_made(made);
    }
    for Pending { database, argv, waiting } in calls {
        match tick.call(database, &argv, issue::begin_late) {
            Ok(grant) => hand_over(grant, waiting),
            Err(refusal) => waiting.answer(Box::new(move |_| Err(refusal.clone()))),
        }
    }
}

/// How many sessions are looked at to know whether any has a refresh token.
const SAMPLE: usize = 100;

fn is_of_other_keys(store: &Store) -> bool {
    keyring::needs().key || store.iter().take(SAMPLE).any(|(_, session)| session.refresh_ttl > 0)
}

fn hand_over(grant: Grant, waiting: Waiting) {
    if grant.key.is_slow() {
        return signer::sign(grant, waiting);
    }
    let signature = grant.key.sign(grant.message.as_bytes()).unwrap_or_default();
    waiting.answer(Box::new(move |call| grant.reply_late(call, &signature)));
}

fn report(made: &Result<Made, String>, needs: Needs) {
    let files = match needs {
        Needs { key: true, refresh: true } => format!("{KEY_FILE} and {REFRESH_FILE}"),
        Needs { key: true, .. } => KEY_FILE.to_owned(),
        _ => REFRESH_FILE.to_owned(),
    };
    match made {
        Ok(_) => log::warning(&format!(
            "lockwatch has made keys for tokens: {files} in the working directory. Back that up, and name copies in \
             lockwatch.jwt-keys and lockwatch.refresh-secret-file on every replica"
        )),
        Err(why) => log::warning(&format!("lockwatch can't make keys for tokens: {why}")),
    }
}
