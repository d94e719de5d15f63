//! Access to the server's functions.
//!
//! The server resolves them by name when the module loads. A function that it lacks stays `None`.
//! `raw::require` checks those that the module can't work without; the rest are probed where they
//! are used.

/// The function `$name`, which `raw::require` has found to exist. An optional one does not compile.
macro_rules! api {
    ($name:ident) => {
        // SAFETY: a read of a pointer that is written once, in OnLoad, before any callback of ours
        // can run.
        match unsafe { $crate::server::raw::required::$name } {
            Some(function) => function,
            None => $crate::server::api::missing(stringify!($name)),
        }
    };
}

/// The function `$name`, if this server has it.
macro_rules! api_if_any {
    ($name:ident) => {
        // SAFETY: a read of a pointer that is written once, in OnLoad, before any callback of ours
        // can run.
        unsafe { $crate::server::raw::$name }
    };
}

pub(super) use {api, api_if_any};

/// Reached only by code that runs before `raw::require` has succeeded.
#[cold]
pub(super) fn missing(name: &str) -> ! {
    panic!("{name} is called before the module has loaded")
}
