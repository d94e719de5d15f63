//! Generates the first keys while calls of LW.ISSUE wait for them.
//!
//! The first LW.ISSUE on a server without configured keys starts a thread that generates them. When
//! it has ended, each call that waited runs again before the event loop sleeps.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::blocked::Waiting;
use crate::server::call::{Call, Outcome};
use crate::server::error::Refusal;
use crate::server::events::{self, Tick};
use crate::server::log;
use crate::server::thread::{give_way, panic_if_asked, spawn};

use super::error::TokenError;
use super::generate::{self, GeneratedKeys, KEY_FILE, Needs, REFRESH_FILE};
use super::grant::Grant;
use super::store::Store;
use super::{keyring, signer};

/// The most calls that may wait.
const MAX_PENDING: usize = 1000;

/// The time after a failure in which no thread is started again. Each attempt costs CPU time and
/// each failure a line in the log.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Runs a call that waited, now that there are keys.
type Resume = fn(&Call<'_>) -> Result<Grant, Refusal>;

struct Pending {
    database: i32,
    args: Vec<Vec<u8>>,
    resume: Resume,
    waiting: Waiting,
}

#[derive(Default)]
struct State {
    failed_at: Option<Instant>,
    is_running: bool,
    /// What the thread ended with, until the main thread has seen it.
    result: Option<Result<GeneratedKeys, String>>,
    pending: Vec<Pending>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reports the result of the thread when it is dropped, so that waiting calls are answered even
/// after a panic.
struct Completion(Result<GeneratedKeys, String>);

impl Drop for Completion {
    fn drop(&mut self) {
        lock().result = Some(std::mem::replace(&mut self.0, Err(String::new())));
        events::wake();
    }
}

/// Has the missing keys generated, and `call`, which concerns `store`, wait for them.
pub(crate) fn wait(call: &Call<'_>, store: Option<&Store>, resume: Resume) -> Outcome {
    require_permission(call, store)?;
    let mut state = lock();
    if state.pending.len() >= MAX_PENDING {
        return Err(Refusal::Busy("too many calls wait for the first keys to be made"));
    }
    if state.failed_at.is_some_and(|failed| failed.elapsed() < RETRY_AFTER) {
        return Err(keyring::no_key().into());
    }
    if !state.is_running {
        start_thread()?;
        state.is_running = true;
    }
    let waiting = call.wait()?;
    let args = call.args().map(|arg| arg.bytes().to_vec()).collect();
    state.pending.push(Pending { database: call.database(), args, resume, waiting });
    Ok(())
}

fn require_permission(call: &Call<'_>, store: Option<&Store>) -> Result<(), TokenError> {
    let no_key = |why: &'static str| Err(TokenError::NoKey(why.into()));
    if call.is_in_cluster() {
        return no_key(
            "nodes of a cluster need the same keys: set lockwatch.jwt-keys and lockwatch.refresh-secret-file",
        );
    }
    if call.require_primary().is_err() {
        return no_key("a replica makes no keys: set lockwatch.jwt-keys and lockwatch.refresh-secret-file");
    }
    // This is a promoted replica, or a server that has lost its key file. New keys would make every
    // token of these sessions worthless.
    if store.is_some_and(has_sessions_of_other_keys) {
        return no_key(
            "the store holds sessions whose keys are not here: set lockwatch.jwt-keys and \
                       lockwatch.refresh-secret-file to those, or delete it",
        );
    }
    if !call.may_wait() {
        return no_key("the first LW.ISSUE makes the keys, which MULTI and scripts can't wait for");
    }
    Ok(())
}

/// How many sessions are checked for a refresh token.
const SAMPLE: usize = 100;

fn has_sessions_of_other_keys(store: &Store) -> bool {
    keyring::needs().key || store.iter().take(SAMPLE).any(|(_, session)| session.refresh_ttl > 0)
}

fn start_thread() -> Result<(), Refusal> {
    let needs = keyring::needs();
    let thread = spawn("lw-token-keys", None, move || {
        let mut completion = Completion(Err("an internal error ended it".to_owned()));
        panic_if_asked();
        give_way();
        completion.0 = generate::generate(needs);
    });
    thread.map(drop).map_err(|_| Refusal::Unavailable("the system has no thread to give".into()))
}

/// Runs the calls that waited, once the thread has ended.
pub(crate) fn before_sleep(tick: &Tick) {
    let mut state = lock();
    if !state.is_running || state.result.is_none() || !tick.may_propagate() {
        return;
    }
    let result = state.result.take();
    let pending = std::mem::take(&mut state.pending);
    state.is_running = false;
    state.failed_at = matches!(result, Some(Err(_))).then(Instant::now);
    drop(state);
    if let Some(result) = result {
        report(&result, keyring::needs());
        keyring::set_generated(result);
    }
    for Pending { database, args, resume, waiting } in pending {
        match tick.call(database, &args, resume) {
            Ok(grant) => signer::deliver_late(grant, waiting),
            Err(refusal) => waiting.answer(Box::new(move |_| Err(refusal.clone()))),
        }
    }
}

fn report(result: &Result<GeneratedKeys, String>, needs: Needs) {
    let files = match needs {
        Needs { key: true, refresh: true } => format!("{KEY_FILE} and {REFRESH_FILE}"),
        Needs { key: true, .. } => KEY_FILE.to_owned(),
        _ => REFRESH_FILE.to_owned(),
    };
    match result {
        Ok(_) => log::warning(&format!(
            "lockwatch has made keys for tokens: {files} in the working directory. Back that up, and name copies in \
             lockwatch.jwt-keys and lockwatch.refresh-secret-file on every replica"
        )),
        Err(why) => log::warning(&format!("lockwatch can't make keys for tokens: {why}")),
    }
}
