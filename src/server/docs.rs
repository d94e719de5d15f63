//! A command's arity, key and arguments in the form in which `COMMAND DOCS` wants them.

use std::ffi::{CStr, c_int};
use std::ptr;

use redis_module::raw;

use super::api::api;
use super::command::{KeyAccess, Spec};

/// The kind of an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DocKind {
    /// The key.
    Key,
    /// An integer.
    Integer,
    /// A string.
    String,
    /// Several arguments that belong together.
    Block,
    /// One of several arguments.
    OneOf,
    /// An option word without a value.
    Word,
}

/// An argument, as the documentation shows it.
pub struct DocArg {
    /// Its name.
    pub name: &'static CStr,
    /// Its kind.
    pub kind: DocKind,
    /// The option word in front of it.
    pub token: Option<&'static CStr>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub repeated: bool,
    /// What a block consists of.
    pub parts: &'static [DocArg],
}

impl DocArg {
    /// A required argument without an option word.
    pub const fn new(name: &'static CStr, kind: DocKind) -> Self {
        Self { name, kind, token: None, optional: false, repeated: false, parts: &[] }
    }
}

/// Tells the server what `spec` says of `command`. Returns whether it accepted it.
///
/// # Safety
/// `command` is a command of this module, and OnLoad is running.
pub(super) unsafe fn describe(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    // The tree is built from the leaves up: a block points at the array of its parts. The server copies it all.
    let mut parts: Vec<Vec<raw::RedisModuleCommandArg>> =
        spec.args.iter().map(|arg| c_args(arg.parts, &mut [])).collect();
    let mut args = c_args(spec.args, &mut parts);
    let mut keys = key_specs(spec.key);
    let version = current_version();
    let info = raw::RedisModuleCommandInfo {
        version: &version,
        summary: spec.summary.as_ptr(),
        complexity: spec.complexity.as_ptr(),
        since: spec.since.as_ptr(),
        history: ptr::null_mut(),
        tips: ptr::null(),
        arity: spec.arity,
        key_specs: keys.as_mut_ptr(),
        args: args.as_mut_ptr(),
    };
    let set = api!(RedisModule_SetCommandInfo);
    // SAFETY: the caller's promise. The arrays end in a zeroed element, outlive the call and are copied by it.
    unsafe { set(command, &info) == raw::REDISMODULE_OK as c_int }
}

fn current_version() -> raw::RedisModuleCommandInfoVersion {
    raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    }
}

/// The arguments as a C array that ends in a zeroed element; `parts` are those of each block, in the same order.
fn c_args(args: &[DocArg], parts: &mut [Vec<raw::RedisModuleCommandArg>]) -> Vec<raw::RedisModuleCommandArg> {
    let mut list: Vec<_> = args
        .iter()
        .enumerate()
        .map(|(i, arg)| raw::RedisModuleCommandArg {
            name: arg.name.as_ptr(),
            type_: match arg.kind {
                DocKind::Key => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
                DocKind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
                DocKind::String => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
                DocKind::Block => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
                DocKind::OneOf => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
                DocKind::Word => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
            },
            key_spec_index: if arg.kind == DocKind::Key { 0 } else { -1 },
            token: arg.token.map_or(ptr::null(), CStr::as_ptr),
            flags: {
                let optional = if arg.optional { raw::REDISMODULE_CMD_ARG_OPTIONAL } else { 0 };
                let repeated = if arg.repeated { raw::REDISMODULE_CMD_ARG_MULTIPLE } else { 0 };
                (optional | repeated) as c_int
            },
            subargs: match parts.get_mut(i) {
                Some(parts) if matches!(arg.kind, DocKind::Block | DocKind::OneOf) => parts.as_mut_ptr(),
                _ => ptr::null_mut(),
            },
            ..no_arg()
        })
        .collect();
    list.push(no_arg());
    list
}

const fn no_arg() -> raw::RedisModuleCommandArg {
    raw::RedisModuleCommandArg {
        name: ptr::null(),
        type_: 0,
        key_spec_index: -1,
        token: ptr::null(),
        summary: ptr::null(),
        since: ptr::null(),
        flags: 0,
        deprecated_since: ptr::null(),
        subargs: ptr::null_mut(),
        display_text: ptr::null(),
    }
}

/// The key's specification (it is always the first argument), ended by a zeroed element.
fn key_specs(key: KeyAccess) -> Vec<raw::RedisModuleCommandKeySpec> {
    let flags = match key {
        KeyAccess::None => return vec![no_key()],
        KeyAccess::Read => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
        KeyAccess::Update => {
            raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_UPDATE
        }
    };
    let first = raw::RedisModuleCommandKeySpec {
        flags: u64::from(flags),
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX,
        bs: raw::RedisModuleCommandKeySpec__bindgen_ty_1 {
            index: raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 1 },
        },
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE,
        fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
            range: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
                lastkey: 0,
                keystep: 1,
                limit: 0,
            },
        },
        ..no_key()
    };
    vec![first, no_key()]
}

fn no_key() -> raw::RedisModuleCommandKeySpec {
    raw::RedisModuleCommandKeySpec {
        notes: ptr::null(),
        flags: 0,
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID,
        bs: raw::RedisModuleCommandKeySpec__bindgen_ty_1 {
            index: raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 0 },
        },
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_OMITTED,
        fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
            range: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
                lastkey: 0,
                keystep: 0,
                limit: 0,
            },
        },
    }
}
