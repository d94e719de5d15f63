//! The module as a whole, and how the server loads it.

use std::ffi::{CStr, c_int};

use super::aof;
use super::api::{api, api_if_any};
use super::args::Args;
use super::command::CommandEntry;
use super::directive::{self, Directive};
use super::events::{self, Hooks};
use super::guard::{count_and_log_panics, guarded};
use super::info::{self, Section};
use super::log;
use super::native::TypeEntry;
use super::node::NodeEntry;
use super::raw;

/// The tables that the parts fill.
pub(crate) struct Module {
    /// Also the prefix of the directives and INFO sections.
    pub name: &'static CStr,
    /// `major.minor.patch`.
    pub version: &'static CStr,
    pub commands: &'static [CommandEntry],
    pub directives: &'static [&'static dyn Directive],
    pub types: &'static [TypeEntry],
    /// State of the node that is saved in the RDB but belongs to no key.
    pub states: &'static [NodeEntry],
    pub info: &'static [Section],
    pub hooks: &'static Hooks,
}

/// Exports the symbol through which a server loads the module.
macro_rules! export {
    ($module:path) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn RedisModule_OnLoad(
            ctx: *mut $crate::server::raw::RedisModuleCtx,
            argv: *mut *mut $crate::server::raw::RedisModuleString,
            argc: std::ffi::c_int,
        ) -> std::ffi::c_int {
            unsafe extern "C" fn info(
                ctx: *mut $crate::server::raw::RedisModuleInfoCtx,
                for_crash_report: std::ffi::c_int,
            ) {
                // SAFETY: the server calls this with the context of a running INFO.
                unsafe { $crate::server::module::info(&$module, ctx, for_crash_report != 0) }
            }
            // SAFETY: the server calls this with the arguments of OnLoad.
            unsafe { $crate::server::module::on_load(&$module, info, ctx, argv, argc) }
        }
    };
}
pub(crate) use export;

type InfoCallback = unsafe extern "C" fn(*mut raw::RedisModuleInfoCtx, c_int);

/// Loads `module`. The return value tells the server about an error, and the log tells the
/// operator.
///
/// # Safety
/// The arguments are those the server passes to OnLoad.
pub(crate) unsafe fn on_load(
    module: &'static Module,
    info: InfoCallback,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: `ctx` is OnLoad's. Nothing of ours may allocate before this.
    unsafe { raw::resolve(ctx) };
    let is_busy = api_if_any!(RedisModule_IsModuleNameBusy);
    // SAFETY: the name ends with NUL.
    if is_busy.is_some_and(|is_busy| unsafe { is_busy(module.name.as_ptr()) } != 0) {
        log::warning(LOADED_ALREADY);
        return raw::REDISMODULE_ERR as c_int;
    }
    // SAFETY: the caller's promise.
    match guarded(|| unsafe { set_up(module, info, ctx, argv, argc) }) {
        Some(Ok(())) => raw::REDISMODULE_OK as c_int,
        Some(Err(why)) => {
            log::warning(&format!("lockwatch can't be loaded: {why}"));
            raw::REDISMODULE_ERR as c_int
        }
        None => raw::REDISMODULE_ERR as c_int,
    }
}

const LOADED_ALREADY: &str = "lockwatch is loaded already, so it can't be loaded a second time, and a server that starts \
     aborts. Remove one of the two: look for `loadmodule` in redis.conf and the files that it \
     includes (CONFIG REWRITE adds such a line) and for `--loadmodule` in the command that starts \
     the server (images add it for the files in their modules folder)";

/// Registers everything. Directives, which an operator can get wrong, come first and types come
/// last: on Redis 7.0 a load that fails after a type was registered leaves the type dangling.
///
/// # Safety
/// The arguments are those the server passes to OnLoad, and the API is resolved.
unsafe fn set_up(
    module: &'static Module,
    info: InfoCallback,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> Result<(), String> {
    raw::require().map_err(|name| format!("this server lacks {name}; Redis 7.0 or later is needed"))?;
    let version = version_number(module.version);
    let declare = api!(RedisModule_SetModuleAttribs);
    // SAFETY: `ctx` is OnLoad's; the server copies the name.
    unsafe { declare(ctx, module.name.as_ptr(), version, raw::REDISMODULE_APIVER_1 as c_int) };
    count_and_log_panics();
    // SAFETY: the caller's promise. OnLoad's arguments have no command name in front.
    let args = unsafe { Args::of_load(argv, argc) };
    directive::take_defaults(module.directives, args.map(|arg| arg.bytes()))
        .map_err(|why| format!("loadmodule has a bad argument: {why}"))?;
    // SAFETY: the caller's promise.
    unsafe { directive::register(ctx, module.name, module.directives) }?;
    (module.hooks.configured)()?;
    let refused = |what: &CStr| format!("the server refused {}", what.to_string_lossy());
    if let Some(add_category) = api_if_any!(RedisModule_AddACLCategory) {
        // SAFETY: `ctx` is OnLoad's, the name is NUL-terminated. It fails only if the category
        // exists already.
        unsafe { add_category(ctx, module.name.as_ptr()) };
    }
    for command in module.commands {
        let (name, switch) = (command.spec().name, command.switch());
        if switch.is_some_and(|switch| !switch.get()) {
            continue;
        }
        // SAFETY: the caller's promise.
        if unsafe { command.register(ctx) } {
            continue;
        }
        match switch {
            Some(switch) => log::warning(&format!(
                "another module has a command {name}, so lockwatch does not add its own: \"{directive} yes\" has \
                 no effect",
                name = name.to_string_lossy(),
                directive = switch.name().to_string_lossy(),
            )),
            None => return Err(refused(name)),
        }
    }
    let register_info = api!(RedisModule_RegisterInfoFunc);
    // SAFETY: `ctx` is OnLoad's.
    if unsafe { register_info(ctx, Some(info)) } != raw::REDISMODULE_OK as c_int {
        return Err("the server refused the INFO callback".into());
    }
    let set_options = api!(RedisModule_SetModuleOptions);
    // SAFETY: `ctx` is OnLoad's.
    unsafe { set_options(ctx, OPTIONS) };
    for native in module.types {
        // SAFETY: the caller's promise.
        if !unsafe { native.register(ctx) } {
            return Err(refused(native.name));
        }
    }
    aof::set_states(module.states);
    for state in module.states {
        // SAFETY: the caller's promise.
        if !unsafe { state.register(ctx) } {
            return Err(refused(state.name));
        }
    }
    // SAFETY: the caller's promise.
    if !unsafe { events::subscribe(ctx, module.hooks) } {
        return Err("the server refused to tell of its events".into());
    }
    Ok(())
}

/// Load errors are returned to `rdb_load` instead of ending the process. Keys count as modified
/// only when the module says so. Bit 5 tells Valkey 9 that the types support atomic slot migration;
/// other servers ignore it.
const OPTIONS: c_int = (raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
    | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED) as c_int
    | 1 << 5;

/// # Safety
/// `ctx` is the context of a running INFO callback.
pub(crate) unsafe fn info(module: &Module, ctx: *mut raw::RedisModuleInfoCtx, for_crash_report: bool) {
    // SAFETY: the caller's promise.
    guarded(|| unsafe { info::write(ctx, module.version, module.info, for_crash_report) });
}

/// `major.minor.patch` as MODULE LIST shows it: two decimal digits per part.
fn version_number(version: &CStr) -> c_int {
    let parts = version.to_bytes().split(|&byte| byte == b'.');
    parts.fold(0, |sum, part| {
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit());
        sum * 100 + digits.fold(0, |number, digit| number * 10 + c_int::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_version_becomes_two_digits_a_part() {
        assert_eq!(super::version_number(c"0.1.0"), 100);
        assert_eq!(super::version_number(c"12.3.45-rc1"), 120_345);
    }
}
