//! Commands: what one declares about itself, and its registration.

use std::ffi::{CStr, CString, c_int};
use std::fmt::Display;

use redis_module::raw;

use super::api::{api, api_if_any};
use super::call::{self, Call};
use super::docs;
use super::error::Refusal;
use crate::text::options::Malformed;
use crate::text::syntax::{Param, Syntax};

/// All that the server and `COMMAND DOCS` learn about a command.
///
/// Its key is the first argument, if that is one; a command with the flag `write` changes it. ACL categories follow from
/// the flags, and the arity from the arguments.
pub struct Spec {
    /// In capitals; a subcommand's is `CONTAINER|NAME`, such as `LW.ALERTS|LIST`.
    pub name: &'static CStr,
    /// The server's command flags: `write`, `readonly`, `fast`, `deny-oom` …
    pub flags: &'static str,
    /// One sentence.
    pub summary: &'static CStr,
    /// In big-O terms.
    pub complexity: &'static CStr,
    /// The version of lockwatch that brought it.
    pub since: &'static CStr,
    pub args: &'static [Param],
    /// How many arguments a call needs although each is optional.
    pub at_least: usize,
    /// An effect command: hidden where the server can hide it.
    pub internal: bool,
}

/// Bases, of which a command's spec takes what it does not set.
impl Spec {
    pub const BASE: Self = Self {
        name: c"",
        flags: "",
        summary: c"",
        complexity: c"O(1)",
        since: c"0.1.0",
        args: &[],
        at_least: 0,
        internal: false,
    };
    pub const READ: Self = Self { flags: "readonly", ..Self::BASE };
    pub const FAST_READ: Self = Self { flags: "readonly fast", ..Self::BASE };
    pub const WRITE: Self = Self { flags: "write", ..Self::BASE };
    pub const FAST_WRITE: Self = Self { flags: "write fast", ..Self::BASE };
    pub const ADMIN_READ: Self = Self { flags: "readonly admin", ..Self::BASE };
    pub const ADMIN_WRITE: Self = Self { flags: "write admin", ..Self::BASE };
    pub const CONTAINER: Self = Self { complexity: c"Depends on subcommand.", at_least: 1, ..Self::BASE };
    pub const HELP: Self =
        Self { summary: c"Returns helpful text about the different subcommands.", ..Self::READ };
    pub const EFFECT: Self = Self { flags: "write fast admin deny-script", internal: true, ..Self::BASE };

    pub fn syntax(&self) -> Syntax {
        Syntax { name: self.name, args: self.args }
    }

    /// A call of the command is malformed: why, and the syntax.
    #[cold]
    pub fn malformed(&self, why: impl Display) -> Malformed {
        self.syntax().malformed(why)
    }

    pub(super) fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|its| its == flag)
    }

    /// The ACL categories, on servers that let a module choose them (7.2 and later).
    fn categories(&self) -> String {
        let of_flags =
            [("write", "write"), ("readonly", "read"), ("fast", "fast"), ("admin", "admin dangerous")];
        let mut categories: Vec<_> =
            of_flags.iter().filter(|(flag, _)| self.has_flag(flag)).map(|(_, category)| *category).collect();
        if !self.has_flag("fast") && !self.has_flag("admin") {
            categories.push("slow");
        }
        if api_if_any!(RedisModule_AddACLCategory).is_some() && !self.has_flag("admin") {
            categories.push(OWN_CATEGORY);
        }
        categories.join(" ")
    }
}

/// A command of a wing.
pub trait Command {
    const SPEC: &'static Spec;
    /// Parses, decides and replies.
    fn run(call: &Call<'_>) -> Result<(), Refusal>;
}

type Entry = unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

/// A row of the command table: a command, a subcommand, or (without an entry) a container of subcommands, which stands
/// in front of them.
#[derive(Clone, Copy)]
pub struct CommandEntry {
    pub(super) spec: &'static Spec,
    entry: Option<Entry>,
}

impl CommandEntry {
    /// The row of `C`.
    pub const fn of<C: Command>() -> Self {
        Self { spec: C::SPEC, entry: Some(entry::<C>) }
    }

    /// The row of a container.
    pub const fn container(spec: &'static Spec) -> Self {
        Self { spec, entry: None }
    }

    /// Registers the command with all that its spec says. Returns whether the server accepted it.
    ///
    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    pub(super) unsafe fn register(&self, ctx: *mut raw::RedisModuleCtx) -> bool {
        let spec = self.spec;
        let hidden = format!("{} internal", spec.flags);
        // Redis 7 and Valkey don't know the flag and refuse the command; then it is registered without.
        // SAFETY: the caller's promise.
        (spec.internal && unsafe { self.create(ctx, &hidden) })
            // SAFETY: the caller's promise.
            || unsafe { self.create(ctx, spec.flags) }
    }

    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    unsafe fn create(&self, ctx: *mut raw::RedisModuleCtx, flags: &str) -> bool {
        let spec = self.spec;
        let Ok(flags) = CString::new(flags) else { return false };
        let (first, last, step) = if spec.syntax().has_key() { (1, 1, 1) } else { (0, 0, 0) };
        let answer = match spec.container_and_word() {
            Some((container, word)) => {
                // SAFETY: the caller's promise.
                let container = unsafe { find(ctx, &container) };
                let create = api!(RedisModule_CreateSubcommand);
                // SAFETY: `container` is a command of this module, created before its subcommands; the server copies
                // the strings.
                unsafe { create(container, word.as_ptr(), self.entry, flags.as_ptr(), first, last, step) }
            }
            None => {
                let create = api!(RedisModule_CreateCommand);
                // SAFETY: the caller's promise; the strings are NUL-terminated and copied by the server.
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

/// # Safety
/// `ctx` is the context of a running OnLoad.
unsafe fn find(ctx: *mut raw::RedisModuleCtx, name: &CStr) -> *mut raw::RedisModuleCommand {
    let get = api!(RedisModule_GetCommand);
    // SAFETY: the caller's promise; the name is NUL-terminated.
    unsafe { get(ctx, name.as_ptr()) }
}

impl Spec {
    /// The two words of a subcommand's name.
    fn container_and_word(&self) -> Option<(CString, CString)> {
        let name = self.name.to_bytes();
        let bar = name.iter().position(|&byte| byte == b'|')?;
        Some((CString::new(&name[..bar]).ok()?, CString::new(&name[bar + 1..]).ok()?))
    }

    /// How many words the name has.
    const fn words(&self) -> usize {
        let name = self.name.to_bytes();
        let mut i = 0;
        while i < name.len() {
            if name[i] == b'|' {
                return 2;
            }
            i += 1;
        }
        1
    }
}

/// The category that all commands for callers share, and none for administrators, on servers that let a module add one.
const OWN_CATEGORY: &str = "lockwatch";

/// # Safety
/// `command` is a command of this module, and OnLoad is running.
unsafe fn categorise(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    let Some(set) = api_if_any!(RedisModule_SetCommandACLCategories) else { return true };
    let Ok(categories) = CString::new(spec.categories()) else { return false };
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
