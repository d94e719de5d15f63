//! Directives of the configuration: what one declares about itself, and how the server sets it.
//!
//! CONFIG SET has two phases. The server first calls the setter of each directive that it names,
//! which checks the value and stages it. If one refuses its value, the server sets the others back,
//! which drops what they staged. Otherwise it calls the `apply` callback of each, which brings the
//! staged value into force. Files are read in the first phase.
//!
//! The server skips a directive whose text does not change. For one that names a file,
//! [`config_set`] reads the file again.

mod integer;
mod seconds;
mod string;
mod switch;
mod text;

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::api::api;
use super::guard::guarded;
use super::log;
use crate::server::raw;

pub(crate) use integer::{Bytes, Count, Integer};
pub(crate) use seconds::Seconds;
pub(crate) use switch::Switch;
pub(crate) use text::Text;

/// A row of the table of directives.
pub(crate) trait Directive: Sync {
    /// Its name, without the module's.
    fn name(&self) -> &'static CStr;

    /// Makes `text` of the loadmodule line the default. The error says what `text` should be.
    fn set_default(&self, text: &[u8]) -> Result<(), String>;

    /// Tells the server of the directive.
    ///
    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool;

    /// Brings the staged value into force, if there is one.
    fn apply(&self);

    /// Reads the files that the value in force names, and stages what they hold.
    fn stage_again(&self) -> Result<(), String> {
        Ok(())
    }

    /// Drops the staged value.
    fn unstage(&self) {}
}

/// The module's name and its directives.
static REGISTERED: OnceLock<(&CStr, &[&dyn Directive])> = OnceLock::new();

/// The directives that the running CONFIG SET has applied.
static APPLIED: Mutex<Vec<&CStr>> = Mutex::new(Vec::new());
static ANY_APPLIED: AtomicBool = AtomicBool::new(false);

fn add_applied(directive: &'static CStr) {
    APPLIED.lock().unwrap_or_else(PoisonError::into_inner).push(directive);
    ANY_APPLIED.store(true, Ordering::Relaxed);
}

fn take_applied() -> Vec<&'static CStr> {
    ANY_APPLIED.store(false, Ordering::Relaxed);
    std::mem::take(&mut *APPLIED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Forgets what a CONFIG SET has applied that then failed, because another module refused its
/// value: the server sets everything back, and no event follows. To be called before the event loop
/// sleeps.
pub(super) fn forget_applied() {
    if ANY_APPLIED.load(Ordering::Relaxed) {
        take_applied();
    }
}

/// The longest argument that an error quotes as the name of a directive.
const MAX_NAME: usize = 40;

/// Takes the arguments of the loadmodule line (`name value …`) as defaults.
pub(super) fn take_defaults<'a>(
    directives: &[&dyn Directive],
    mut args: impl Iterator<Item = &'a [u8]>,
) -> Result<(), String> {
    while let Some(name) = args.next() {
        let shown = String::from_utf8_lossy(name);
        let Some(directive) = directives.iter().find(|d| d.name().to_bytes().eq_ignore_ascii_case(name))
        else {
            let known: Vec<_> = directives.iter().map(|d| d.name().to_string_lossy()).collect();
            // Anything else may be a part of a value, such as a URL that is a secret.
            let is_name = name.len() <= MAX_NAME
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
            let what = if is_name {
                format!("no directive is called {shown:?}")
            } else {
                "an argument is no name of a directive (put a value with spaces into quotes)".to_owned()
            };
            return Err(format!(
                "{what}; there is {}. Write each as its name, without the prefix of redis.conf, and its value",
                known.join(", ")
            ));
        };
        let value = args.next().ok_or_else(|| format!("{shown} has no value"))?;
        let name = directive.name().to_string_lossy();
        directive.set_default(value).map_err(|expected| format!("{name} {expected}"))?;
    }
    Ok(())
}

/// Registers the directives, lets redis.conf set them, and brings them into force.
///
/// # Safety
/// `ctx` is the context of a running OnLoad.
pub(super) unsafe fn register(
    ctx: *mut raw::RedisModuleCtx,
    module: &'static CStr,
    directives: &'static [&'static dyn Directive],
) -> Result<(), String> {
    for directive in directives {
        // SAFETY: the caller's promise.
        if !unsafe { directive.register(ctx) } {
            return Err(format!("the server refused the directive {:?}", directive.name()));
        }
    }
    let load = api!(RedisModule_LoadConfigs);
    // SAFETY: the caller's promise.
    if unsafe { load(ctx) } != raw::REDISMODULE_OK as i32 {
        return Err(
            "a lockwatch directive in the server's configuration has a bad value: see the line above".into(),
        );
    }
    // The server calls no `apply` callback while a module loads.
    directives.iter().for_each(|directive| directive.apply());
    REGISTERED.get_or_init(|| (module, directives));
    Ok(())
}

/// Like [`reload`], but of `directives` alone.
fn read_files_again(directives: &[&dyn Directive]) -> Result<(), String> {
    for directive in directives {
        if let Err(why) = directive.stage_again() {
            directives.iter().for_each(|directive| directive.unstage());
            return Err(format!("{}: {why}", directive.name().to_string_lossy()));
        }
    }
    directives.iter().for_each(|directive| directive.apply());
    Ok(())
}

/// Reads the files of all directives again: of all of them, or, if one can't be used, of none. The
/// error names that one.
pub(crate) fn reload() -> Result<(), String> {
    read_files_again(REGISTERED.get().map_or(&[], |(_, directives)| directives))
}

/// Reads the files of the directives again that a CONFIG SET has named without changing their text.
/// Returns whether it named a directive of this module.
///
/// The server replies OK whatever happens here, so a file that can't be used is only logged.
///
/// # Safety
/// `change` is the data of a running event of kind CONFIG.
pub(super) unsafe fn config_set(change: *const raw::RedisModuleConfigChange) -> bool {
    let Some((module, directives)) = REGISTERED.get() else { return false };
    let applied = take_applied();
    // SAFETY: the caller's promise.
    let change = unsafe { &*change };
    // SAFETY: the server passes `num_changes` names, which live as long as the event.
    let names = unsafe { std::slice::from_raw_parts(change.config_names, change.num_changes as usize) };
    let named: Vec<_> = names
        .iter()
        .filter_map(|&name| {
            // SAFETY: the server passes NUL-terminated strings that live as long as the event.
            let name = unsafe { CStr::from_ptr(name) }.to_bytes();
            let name = name.strip_prefix(module.to_bytes())?.strip_prefix(b".")?;
            directives.iter().find(|directive| directive.name().to_bytes() == name).copied()
        })
        .collect();
    let unchanged: Vec<_> = named.iter().filter(|d| !applied.contains(&d.name())).copied().collect();
    if let Err(why) = read_files_again(&unchanged) {
        log::warning(&format!("what was read before stays in force, as a file can't be read again: {why}"));
    }
    !named.is_empty()
}

/// The callback by which the server applies the directive `D` that it got as private data.
unsafe extern "C" fn apply<D: Directive>(
    _ctx: *mut raw::RedisModuleCtx,
    directive: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static D` as the private data.
    let directive = unsafe { &*directive.cast::<D>() };
    add_applied(directive.name());
    match guarded(|| directive.apply()) {
        Some(()) => raw::REDISMODULE_OK as c_int,
        None => raw::REDISMODULE_ERR as c_int,
    }
}

/// What a directive calls when its value changes, unless it is told something else.
fn nothing() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_config_set_has_applied_is_forgotten() {
        add_applied(c"one");
        forget_applied();
        // Otherwise the next CONFIG SET would not read the file of this directive again.
        assert!(take_applied().is_empty());
        add_applied(c"two");
        assert_eq!(take_applied(), [c"two"]);
        forget_applied();
        assert!(take_applied().is_empty());
    }

    #[test]
    fn one_unreadable_file_drops_the_staged_values_of_the_others() {
        static CHANGED: AtomicBool = AtomicBool::new(false);
        fn good(_path: &[u8]) -> Result<u8, String> {
            Ok(u8::from(CHANGED.load(Ordering::Relaxed)))
        }
        fn bad(_path: &[u8]) -> Result<u8, String> {
            if CHANGED.load(Ordering::Relaxed) { Err("it is bad".into()) } else { Ok(0) }
        }
        let (one, two) = (Text::of_files(c"one", good), Text::of_files(c"two", bad));
        let directives: [&dyn Directive; 2] = [&one, &two];
        assert_eq!((one.stage(b"a"), two.stage(b"b")), (Ok(()), Ok(())));
        directives.iter().for_each(|directive| directive.apply());
        CHANGED.store(true, Ordering::Relaxed);
        assert_eq!(read_files_again(&directives), Err("two: it is bad".to_owned()));
        // Directives that depend on each other must not check against what was dropped.
        assert_eq!((one.get(), one.latest()), (0, 0));
        directives.iter().for_each(|directive| directive.apply());
        assert_eq!(one.get(), 0);
        assert_eq!(read_files_again(&directives[..1]), Ok(()));
        assert_eq!(one.get(), 1);
    }
}
