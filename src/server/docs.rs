//! A command's arity, key and arguments in the form that `RM_SetCommandInfo` takes.

use std::ffi::{CStr, c_int};
use std::ptr;

use super::api::api;
use super::raw;
use super::spec::Spec;
use crate::text::syntax::{Keys, Kind, Param};

/// Sets the documentation of `command`. Returns whether the server accepted it.
///
/// # Safety
/// `command` is a command of this module, and OnLoad is running.
pub(super) unsafe fn describe(command: *mut raw::RedisModuleCommand, spec: &Spec) -> bool {
    let mut blocks = Vec::new();
    let args = c_args(spec.args, &mut blocks);
    let mut keys = key_specs(spec);
    let version = current_version();
    let info = raw::RedisModuleCommandInfo {
        version: &version,
        summary: spec.summary.as_ptr(),
        complexity: spec.complexity.as_ptr(),
        since: spec.since.as_ptr(),
        history: ptr::null_mut(),
        tips: ptr::null(),
        arity: spec.syntax().arity(spec.at_least),
        key_specs: keys.as_mut_ptr(),
        args,
    };
    let set = api!(RedisModule_SetCommandInfo);
    // SAFETY: the caller's promise. The arrays end in a zeroed element, outlive the call and are
    // copied by it.
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

/// The arguments as a C array that ends in a zeroed element. `blocks` owns it and the arrays that
/// it points to.
fn c_args(
    args: &[Param],
    blocks: &mut Vec<Vec<raw::RedisModuleCommandArg>>,
) -> *mut raw::RedisModuleCommandArg {
    let mut list = Vec::with_capacity(args.len() + 1);
    for arg in args {
        let optional = if arg.optional { raw::REDISMODULE_CMD_ARG_OPTIONAL } else { 0 };
        let repeated = match (arg.repeated, arg.token) {
            (false, _) => 0,
            (true, None) => raw::REDISMODULE_CMD_ARG_MULTIPLE,
            (true, Some(_)) => raw::REDISMODULE_CMD_ARG_MULTIPLE | raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN,
        };
        list.push(raw::RedisModuleCommandArg {
            name: arg.name.as_ptr(),
            type_: match arg.kind {
                Kind::Key => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
                Kind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
                Kind::String | Kind::Json => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
                Kind::Block => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
                Kind::OneOf => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
                Kind::Word => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
            },
            key_spec_index: if arg.kind == Kind::Key { 0 } else { -1 },
            token: arg.token.map_or(ptr::null(), CStr::as_ptr),
            flags: (optional | repeated) as c_int,
            subargs: if arg.parts.is_empty() { ptr::null_mut() } else { c_args(arg.parts, blocks) },
            ..no_arg()
        });
    }
    list.push(no_arg());
    let start = list.as_mut_ptr();
    blocks.push(list);
    start
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

/// The positions of the first and the last key among the words of a call, and the step from key to
/// key. A negative position counts from the end, and zeros mean that there is no key.
pub(super) fn key_range(spec: &Spec) -> (c_int, c_int, c_int) {
    match spec.syntax().keys() {
        None => (0, 0, 0),
        Some(Keys::One) => (1, 1, 1),
        Some(Keys::FirstOfEach(words)) => (1, -1, c_int::try_from(words).unwrap_or(c_int::MAX)),
    }
}

/// The specification of the keys, and a zeroed element.
fn key_specs(spec: &Spec) -> Vec<raw::RedisModuleCommandKeySpec> {
    let (pos, last, keystep) = key_range(spec);
    if pos == 0 {
        return vec![no_key()];
    }
    // Here the last key is relative to the first, unless it counts from the end.
    let lastkey = if last < 0 { last } else { last - pos };
    let access = if spec.has_flag("write") {
        raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE
    } else {
        raw::REDISMODULE_CMD_KEY_RO
    };
    let flags = access | raw::REDISMODULE_CMD_KEY_ACCESS;
    let first = raw::RedisModuleCommandKeySpec {
        flags: u64::from(flags),
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX,
        bs: raw::KeySpecBegin { index: raw::KeySpecBeginIndex { pos } },
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE,
        fk: raw::KeySpecFind { range: raw::KeySpecFindRange { lastkey, keystep, limit: 0 } },
        ..no_key()
    };
    vec![first, no_key()]
}

fn no_key() -> raw::RedisModuleCommandKeySpec {
    raw::RedisModuleCommandKeySpec {
        notes: ptr::null(),
        flags: 0,
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID,
        bs: raw::KeySpecBegin { index: raw::KeySpecBeginIndex { pos: 0 } },
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_OMITTED,
        fk: raw::KeySpecFind { range: raw::KeySpecFindRange { lastkey: 0, keystep: 0, limit: 0 } },
    }
}
