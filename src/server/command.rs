//! Commands and their registration.

use std::ffi::{CStr, CString, c_int};

use super::api::{api, api_if_any};
use super::call::{self, Call};
use super::directive::Switch;
use super::docs;
use super::error::Refusal;
use super::raw;
use super::spec::Spec;

pub(crate) trait Command {
    const SPEC: &'static Spec;
    /// Parses, decides and replies.
    fn run(call: &Call<'_>) -> Result<(), Refusal>;
}

type Entry = unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

/// A row of the command table: a command, a subcommand, or a container. A container has no entry
/// point and comes before its subcommands.
#[derive(Clone, Copy)]
pub(crate) struct CommandEntry {
    spec: &'static Spec,
    entry: Option<Entry>,
    switch: Option<&'static Switch>,
}

impl CommandEntry {
    pub(crate) const fn of<C: Command>() -> Self {
        Self { spec: C::SPEC, entry: Some(entry::<C>), switch: None }
    }

    pub(crate) const fn container(spec: &'static Spec) -> Self {
        Self { spec, entry: None, switch: None }
    }

    /// The command exists only if the directive is `yes` when the module loads. Its name may belong
    /// to another module.
    pub(crate) const fn only_with(self, switch: &'static Switch) -> Self {
        Self { switch: Some(switch), ..self }
    }

    /// The directive of [`Self::only_with`].
    pub(super) fn switch(&self) -> Option<&'static Switch> {
        self.switch
    }

    pub(crate) const fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// Registers the command as its spec says. Returns whether the server accepted it.
    ///
    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let spec = self.spec;
        let hidden = format!("{} internal", spec.flags);
        // Redis 7 and Valkey don't know the flag and refuse the command; then it is registered
        // without.
        // SAFETY: the caller's promise.
        (spec.internal && unsafe { self.create(ctx, &hidden) })
            // SAFETY: the caller's promise.
            || unsafe { self.create(ctx, spec.flags) }
    }

    /// Creates the command with `flags`.
    ///
    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    unsafe fn create(&self, ctx: *mut raw::RedisModuleCtx, flags: &str) -> bool {
        let spec = self.spec;
        let Ok(flags) = CString::new(flags) else { return false };
        let (first, last, step) = docs::key_range(spec);
        let answer = match container_and_word(spec.name) {
            Some((container, word)) => {
                // SAFETY: the caller's promise.
                let container = unsafe { find(ctx, &container) };
                let create = api!(RedisModule_CreateSubcommand);
                // SAFETY: `container` is a command of this module, created before its subcommands;
                // the server copies the strings.
                unsafe { create(container, word.as_ptr(), self.entry, flags.as_ptr(), first, last, step) }
            }
            None => {
                let create = api!(RedisModule_CreateCommand);
                // SAFETY: the caller's promise; the strings are NUL-terminated and copied by the
                // server.
                unsafe { create(ctx, spec.name.as_ptr(), self.entry, flags.as_ptr(), first, last, step) }
            }
        };
        if answer != raw::REDISMODULE_OK as c_int {
            return false;
        }
        // SAFETY: the caller's promise.
        let command = unsafe { find(ctx, spec.name) };
        // SAFETY: `command` was created above, by this module.
        let described = !command.is_null() && unsafe { docs::describe(command, spec) };
        // SAFETY: as above.
        described && unsafe { categorise(command, spec) }
    }
}

/// Looks a command up.
///
/// # Safety
/// `ctx` is the context of a running OnLoad.
unsafe fn find(ctx: *mut raw::RedisModuleCtx, name: &CStr) -> *mut raw::RedisModuleCommand {
    let get = api!(RedisModule_GetCommand);
    // SAFETY: the caller's promise; the name is NUL-terminated.
    unsafe { get(ctx, name.as_ptr()) }
}

/// The container's and the subcommand's own name.
fn container_and_word(name: &CStr) -> Option<(CString, CString)> {
    let name = name.to_bytes();
    let bar = name.iter().position(|&byte| byte == b'|')?;
    Some((CString::new(&name[..bar]).ok()?, CString::new(&name[bar + 1..]).ok()?))
}

/// The category of all commands but the administrators', where a module can add one.
const OWN_CATEGORY: &str = "lockwatch";

/// The ACL categories, on servers that let a module choose them (7.2 and later).
fn categories(spec: &Spec) -> String {
    let of_flags = [("write", "write"), ("readonly", "read"), ("fast", "fast"), ("admin", "admin dangerous")];
    let mut categories: Vec<_> =
        of_flags.iter().filter(|(flag, _)| spec.has_flag(flag)).map(|(_, category)| *category).collect();
    if !spec.has_flag("fast") && !spec.has_flag("admin") {
        categories.push("slow");
    }
    if api_if_any!(RedisModule_AddACLCategory).is_some() && !spec.has_flag("admin") {
        categories.push(OWN_CATEGORY);
    }
    categories.join(" ")
}

/// Sets the ACL categories.
///
/// # Safety
/// `command` is a command of this module, and OnLoad is running.
unsafe fn categorise(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    let Some(set) = api_if_any!(RedisModule_SetCommandACLCategories) else { return true };
    let Ok(categories) = CString::new(categories(spec)) else { return false };
    // SAFETY: the caller's promise; the string is NUL-terminated.
    unsafe { set(command, categories.as_ptr()) == raw::REDISMODULE_OK as c_int }
}

unsafe extern "C" fn entry<C: Command>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server calls this with a command function's arguments.
    unsafe { call::run(C::run, const { C::SPEC.words() }, ctx, argv, argc) }
}
