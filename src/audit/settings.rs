//! What is said of where events are shipped to: by the environment, else by a file that a directive names.
//!
//! A directive's setter only reads, checks and keeps; the pump takes what is new.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::server::file::read_small;

use super::target::Target;
use super::wake;

/// The variable of the environment that outweighs the directive.
const VARIABLE: &str = "LOCKWATCH_DATABASE_URL";

struct Said {
    from_environment: Option<Arc<Target>>,
    from_file: Option<Arc<Target>>,
    changed: bool,
}

static SAID: Mutex<Said> = Mutex::new(Said { from_environment: None, from_file: None, changed: false });

/// Only the main thread says or asks anything here.
fn said() -> MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes `postgres-url-file`.
pub fn take_url_file(path: &[u8]) -> Result<(), String> {
    let target = if path.is_empty() { None } else { Some(Arc::new(Target::parse_file(&read_small(path)?)?)) };
    let mut said = said();
    said.from_file = target;
    said.changed = true;
    wake::scheduler();
    Ok(())
}

/// Takes what the environment says, once, when the module loads.
pub fn take_environment() -> Result<(), String> {
    let Some(url) = std::env::var_os(VARIABLE).filter(|url| !url.is_empty()) else { return Ok(()) };
    let url = url.to_str().ok_or_else(|| format!("{VARIABLE} is not text"))?;
    let target = Target::parse(url.trim()).map_err(|why| format!("{VARIABLE}: {why}"))?;
    let mut said = said();
    said.from_environment = Some(Arc::new(target));
    said.changed = true;
    wake::scheduler();
    Ok(())
}

/// Where events are shipped to, if that has changed since it was last asked.
pub fn changed() -> Option<Option<Arc<Target>>> {
    let mut said = said();
    let target = said.from_environment.as_ref().or(said.from_file.as_ref()).cloned();
    std::mem::take(&mut said.changed).then_some(target)
}
