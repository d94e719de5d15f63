//! Directives that are texts: paths, lists and names. Most are empty unless something is
//! configured.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::api::api;
use super::super::guard::guarded;
use super::string::{Shown, set_text};
use super::{Directive, apply, nothing};
use crate::server::raw;

/// Makes a value of a text, or says why the text can't be used. Runs on the main thread and changes
/// nothing.
pub(super) type Parse<T> = fn(&[u8]) -> Result<T, String>;

/// A directive that is a text, of which a value is made: the keys in a file, a list of endpoints.
pub(crate) struct Text<T> {
    name: &'static CStr,
    initial: &'static CStr,
    parse: Parse<T>,
    /// Whether the text names files, whose contents can change while the text stays.
    names_files: bool,
    on_change: fn(),
    /// The default that the loadmodule line gives.
    default: Mutex<Option<CString>>,
    state: Mutex<State<T>>,
    shown: Shown,
}

struct State<T> {
    staged: Option<Parsed<T>>,
    /// `None` until the module is loaded.
    in_force: Option<Parsed<T>>,
}

struct Parsed<T> {
    text: Vec<u8>,
    value: T,
}

impl<T: Clone + Default + Send + 'static> Text<T> {
    /// A directive with its default.
    pub(crate) const fn new(name: &'static CStr, initial: &'static CStr, parse: Parse<T>) -> Self {
        Self {
            name,
            initial,
            parse,
            names_files: false,
            on_change: nothing,
            default: Mutex::new(None),
            state: Mutex::new(State { staged: None, in_force: None }),
            shown: Shown::new(),
        }
    }

    /// A directive that names files, which `parse` reads. By default it names none.
    pub(crate) const fn of_files(name: &'static CStr, parse: Parse<T>) -> Self {
        let mut directive = Self::new(name, c"", parse);
        directive.names_files = true;
        directive
    }

    /// Calls `on_change` after each time that a value has come into force.
    pub(crate) const fn on_change(mut self, on_change: fn()) -> Self {
        self.on_change = on_change;
        self
    }

    /// The value in force.
    pub(crate) fn get(&self) -> T {
        let in_force = self.state().in_force.as_ref().map(|parsed| parsed.value.clone());
        in_force.or_else(|| (self.parse)(self.initial.to_bytes()).ok()).unwrap_or_default()
    }

    /// The staged value, else the one in force, else an empty one. Directives of one CONFIG SET
    /// that depend on each other check against this.
    pub(crate) fn latest(&self) -> T {
        let state = self.state();
        let latest = state.staged.as_ref().or(state.in_force.as_ref());
        latest.map(|parsed| parsed.value.clone()).unwrap_or_default()
    }

    /// Only the main thread sets and reads a directive, so nobody waits here.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stage(&self, text: &[u8]) -> Result<(), String> {
        {
            let mut state = self.state();
            if state.in_force.as_ref().is_some_and(|in_force| in_force.text == text) {
                // A refused CONFIG SET sets the directive back: what is in force stays, whatever
                // its files hold by now.
                state.staged = None;
                return Ok(());
            }
        }
        self.parse_and_stage(text)
    }

    fn parse_and_stage(&self, text: &[u8]) -> Result<(), String> {
        let value = guarded(|| (self.parse)(text)).unwrap_or_else(|| Err("internal error".into()))?;
        self.state().staged = Some(Parsed { text: text.to_vec(), value });
        Ok(())
    }

    /// The staged text, else the one in force, as a string that lives until the next call. Null
    /// before the directive was set, so that the server sets it even to its default, and its files
    /// are read.
    fn show(&self) -> *mut raw::RedisModuleString {
        let state = self.state();
        let latest = state.staged.as_ref().or(state.in_force.as_ref());
        self.shown.replace(latest.map(|parsed| &parsed.text[..]))
    }
}

impl<T: Clone + Default + Send + 'static> Directive for Text<T> {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn set_default(&self, text: &[u8]) -> Result<(), String> {
        let text = CString::new(text).map_err(|_| "must not hold a NUL".to_owned())?;
        *self.default.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        Ok(())
    }

    unsafe fn register(&'static self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let register = api!(RedisModule_RegisterStringConfig);
        let default = self.default.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller's promise; the server copies the default, and `self` is 'static, which
        // is what the callbacks rely on.
        let answer = unsafe {
            register(
                ctx,
                self.name.as_ptr(),
                default.as_deref().unwrap_or(self.initial).as_ptr(),
                raw::REDISMODULE_CONFIG_DEFAULT as c_uint,
                Some(get::<T>),
                Some(set::<T>),
                Some(apply::<Self>),
                ptr::from_ref(self).cast_mut().cast(),
            )
        };
        answer == raw::REDISMODULE_OK as c_int
    }

    fn apply(&self) {
        let mut state = self.state();
        if let Some(staged) = state.staged.take() {
            state.in_force = Some(staged);
            drop(state);
            (self.on_change)();
        }
    }

    fn stage_again(&self) -> Result<(), String> {
        let text = self.state().in_force.as_ref().map(|parsed| parsed.text.clone());
        match text.filter(|_| self.names_files) {
            Some(text) => self.parse_and_stage(&text),
            None => Ok(()),
        }
    }

    fn unstage(&self) {
        self.state().staged = None;
    }
}

unsafe extern "C" fn get<T: Clone + Default + Send + 'static>(
    _name: *const c_char,
    directive: *mut c_void,
) -> *mut raw::RedisModuleString {
    // SAFETY: `register` passed a `&'static Text<T>` as the private data.
    let directive = unsafe { &*directive.cast::<Text<T>>() };
    directive.show()
}

unsafe extern "C" fn set<T: Clone + Default + Send + 'static>(
    _name: *const c_char,
    value: *mut raw::RedisModuleString,
    directive: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a `&'static Text<T>` as the private data.
    let directive = unsafe { &*directive.cast::<Text<T>>() };
    // SAFETY: the server passes a live string, and `error` is where it wants the reason.
    unsafe { set_text(value, error, |text| directive.stage(text)) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// How often a text was parsed.
    static PARSED: AtomicUsize = AtomicUsize::new(0);

    fn parse(text: &[u8]) -> Result<usize, String> {
        PARSED.fetch_add(1, Ordering::Relaxed);
        if text == b"bad" { Err("it is bad".into()) } else { Ok(text.len()) }
    }

    #[test]
    fn setting_back_drops_what_was_staged_without_reading_anything_again() {
        let directive = Text::of_files(c"x", parse);
        assert_eq!(directive.stage(b"one"), Ok(()));
        directive.apply();
        assert_eq!(directive.stage(b"three"), Ok(()));
        assert_eq!((directive.get(), directive.latest()), (3, 5));
        let parsed = PARSED.load(Ordering::Relaxed);
        assert_eq!(directive.stage(b"one"), Ok(()));
        directive.apply();
        assert_eq!((directive.get(), directive.latest()), (3, 3));
        assert_eq!(PARSED.load(Ordering::Relaxed), parsed);
        assert!(directive.stage(b"bad").is_err());
        assert_eq!(directive.latest(), 3);
        assert_eq!(directive.stage_again(), Ok(()));
        assert_eq!(PARSED.load(Ordering::Relaxed), parsed + 2);
    }
}
