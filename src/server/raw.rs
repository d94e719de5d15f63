//! The part of the server's C module API that this module uses: constants, types, and a pointer for
//! each function.
//!
//! Names and declarations are those of `redismodule.h` in Redis 7.2, except that structs which have
//! no name there have one here. To use another function, add its declaration to the list at the
//! end.

#![expect(non_camel_case_types, non_upper_case_globals, reason = "the names of the C header")]

use std::ffi::{c_char, c_int, c_long, c_longlong, c_uchar, c_uint, c_ulonglong, c_void};

pub(crate) const REDISMODULE_OK: isize = 0;
pub(crate) const REDISMODULE_ERR: isize = 1;
pub(crate) const REDISMODULE_APIVER_1: u32 = 1;
pub(crate) const REDISMODULE_READ: u32 = 1;
pub(crate) const REDISMODULE_WRITE: u32 = 2;
pub(crate) const REDISMODULE_OPEN_KEY_NOTOUCH: u32 = 1 << 16;
pub(crate) const REDISMODULE_OPEN_KEY_NONOTIFY: u32 = 1 << 17;
pub(crate) const REDISMODULE_OPEN_KEY_NOSTATS: u32 = 1 << 18;
pub(crate) const REDISMODULE_KEYTYPE_EMPTY: isize = 0;
pub(crate) const REDISMODULE_CONFIG_DEFAULT: u32 = 0;
pub(crate) const REDISMODULE_CONFIG_IMMUTABLE: u32 = 1;
pub(crate) const REDISMODULE_CONFIG_MEMORY: u32 = 128;
pub(crate) const REDISMODULE_CTX_FLAGS_LUA: u32 = 1;
pub(crate) const REDISMODULE_CTX_FLAGS_MASTER: u32 = 4;
pub(crate) const REDISMODULE_CTX_FLAGS_SLAVE: u32 = 8;
pub(crate) const REDISMODULE_CTX_FLAGS_CLUSTER: u32 = 32;
pub(crate) const REDISMODULE_CTX_FLAGS_REPLICATED: u32 = 4096;
pub(crate) const REDISMODULE_CTX_FLAGS_LOADING: u32 = 8192;
pub(crate) const REDISMODULE_CTX_FLAGS_DENY_BLOCKING: u32 = 2097152;
pub(crate) const REDISMODULE_AUX_BEFORE_RDB: isize = 1;
pub(crate) const REDISMODULE_OPTIONS_HANDLE_IO_ERRORS: u32 = 1;
pub(crate) const REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED: u32 = 2;
pub(crate) const REDISMODULE_CMD_ARG_OPTIONAL: u32 = 1;
pub(crate) const REDISMODULE_CMD_ARG_MULTIPLE: u32 = 2;
pub(crate) const REDISMODULE_CMD_ARG_MULTIPLE_TOKEN: u32 = 4;
pub(crate) const REDISMODULE_CMD_KEY_RO: u32 = 1;
pub(crate) const REDISMODULE_CMD_KEY_RW: u32 = 2;
pub(crate) const REDISMODULE_CMD_KEY_ACCESS: u32 = 16;
pub(crate) const REDISMODULE_CMD_KEY_UPDATE: u32 = 32;
pub(crate) const REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED: u64 = 0;
pub(crate) const REDISMODULE_EVENT_PERSISTENCE: u64 = 1;
pub(crate) const REDISMODULE_EVENT_LOADING: u64 = 3;
pub(crate) const REDISMODULE_EVENT_CLIENT_CHANGE: u64 = 4;
pub(crate) const REDISMODULE_EVENT_SHUTDOWN: u64 = 5;
pub(crate) const REDISMODULE_EVENT_EVENTLOOP: u64 = 15;
pub(crate) const REDISMODULE_EVENT_CONFIG: u64 = 16;
pub(crate) const REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START: u64 = 1;
pub(crate) const REDISMODULE_SUBEVENT_PERSISTENCE_ENDED: u64 = 3;
pub(crate) const REDISMODULE_SUBEVENT_LOADING_RDB_START: u64 = 0;
pub(crate) const REDISMODULE_SUBEVENT_LOADING_AOF_START: u64 = 1;
pub(crate) const REDISMODULE_SUBEVENT_LOADING_REPL_START: u64 = 2;
pub(crate) const REDISMODULE_SUBEVENT_LOADING_ENDED: u64 = 3;
pub(crate) const REDISMODULE_SUBEVENT_LOADING_FAILED: u64 = 4;
pub(crate) const REDISMODULE_SUBEVENT_CLIENT_CHANGE_DISCONNECTED: u64 = 1;
pub(crate) const REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP: u64 = 0;
pub(crate) const RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING: RedisModuleCommandArgType = 0;
pub(crate) const RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER: RedisModuleCommandArgType = 1;
pub(crate) const RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY: RedisModuleCommandArgType = 3;
pub(crate) const RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN: RedisModuleCommandArgType = 6;
pub(crate) const RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF: RedisModuleCommandArgType = 7;
pub(crate) const RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK: RedisModuleCommandArgType = 8;
pub(crate) const RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID:
    RedisModuleKeySpecBeginSearchType = 0;
pub(crate) const RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX:
    RedisModuleKeySpecBeginSearchType = 2;
pub(crate) const RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_OMITTED: RedisModuleKeySpecFindKeysType =
    0;
pub(crate) const RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE: RedisModuleKeySpecFindKeysType =
    2;

/// Types that the server allocates and the module only points to.
macro_rules! opaque {
    ($($name:ident)*) => {
        $( #[repr(C)] pub(crate) struct $name { _unused: [u8; 0] } )*
    };
}

opaque! {
    RedisModuleString RedisModuleKey RedisModuleCtx RedisModuleDefragCtx RedisModuleIO
    RedisModuleDigest RedisModuleInfoCtx RedisModuleCommand RedisModuleType
    RedisModuleBlockedClient RedisModuleKeyOptCtx
}

pub(crate) type mstime_t = c_longlong;
pub(crate) type RedisModuleCommandArgType = c_uint;
pub(crate) type RedisModuleKeySpecBeginSearchType = c_uint;
pub(crate) type RedisModuleKeySpecFindKeysType = c_uint;
pub(crate) type RedisModuleEventLoopOneShotFunc = Option<unsafe extern "C" fn(user_data: *mut c_void)>;
pub(crate) type RedisModuleEventCallback = Option<
    unsafe extern "C" fn(ctx: *mut RedisModuleCtx, eid: RedisModuleEvent, subevent: u64, data: *mut c_void),
>;
pub(crate) type RedisModuleInfoFunc =
    Option<unsafe extern "C" fn(ctx: *mut RedisModuleInfoCtx, for_crash_report: c_int)>;
pub(crate) type RedisModuleCmdFunc = Option<
    unsafe extern "C" fn(ctx: *mut RedisModuleCtx, argv: *mut *mut RedisModuleString, argc: c_int) -> c_int,
>;
pub(crate) type RedisModuleTypeLoadFunc =
    Option<unsafe extern "C" fn(rdb: *mut RedisModuleIO, encver: c_int) -> *mut c_void>;
pub(crate) type RedisModuleTypeSaveFunc =
    Option<unsafe extern "C" fn(rdb: *mut RedisModuleIO, value: *mut c_void)>;
pub(crate) type RedisModuleTypeAuxLoadFunc =
    Option<unsafe extern "C" fn(rdb: *mut RedisModuleIO, encver: c_int, when: c_int) -> c_int>;
pub(crate) type RedisModuleTypeAuxSaveFunc =
    Option<unsafe extern "C" fn(rdb: *mut RedisModuleIO, when: c_int)>;
pub(crate) type RedisModuleTypeRewriteFunc =
    Option<unsafe extern "C" fn(aof: *mut RedisModuleIO, key: *mut RedisModuleString, value: *mut c_void)>;
pub(crate) type RedisModuleTypeMemUsageFunc = Option<unsafe extern "C" fn(value: *const c_void) -> usize>;
pub(crate) type RedisModuleTypeMemUsageFunc2 = Option<
    unsafe extern "C" fn(ctx: *mut RedisModuleKeyOptCtx, value: *const c_void, sample_size: usize) -> usize,
>;
pub(crate) type RedisModuleTypeDigestFunc =
    Option<unsafe extern "C" fn(digest: *mut RedisModuleDigest, value: *mut c_void)>;
pub(crate) type RedisModuleTypeFreeFunc = Option<unsafe extern "C" fn(value: *mut c_void)>;
pub(crate) type RedisModuleTypeFreeEffortFunc =
    Option<unsafe extern "C" fn(key: *mut RedisModuleString, value: *const c_void) -> usize>;
pub(crate) type RedisModuleTypeFreeEffortFunc2 =
    Option<unsafe extern "C" fn(ctx: *mut RedisModuleKeyOptCtx, value: *const c_void) -> usize>;
pub(crate) type RedisModuleTypeUnlinkFunc =
    Option<unsafe extern "C" fn(key: *mut RedisModuleString, value: *const c_void)>;
pub(crate) type RedisModuleTypeUnlinkFunc2 =
    Option<unsafe extern "C" fn(ctx: *mut RedisModuleKeyOptCtx, value: *const c_void)>;
pub(crate) type RedisModuleTypeCopyFunc = Option<
    unsafe extern "C" fn(
        fromkey: *mut RedisModuleString,
        tokey: *mut RedisModuleString,
        value: *const c_void,
    ) -> *mut c_void,
>;
pub(crate) type RedisModuleTypeCopyFunc2 =
    Option<unsafe extern "C" fn(ctx: *mut RedisModuleKeyOptCtx, value: *const c_void) -> *mut c_void>;
pub(crate) type RedisModuleTypeDefragFunc = Option<
    unsafe extern "C" fn(
        ctx: *mut RedisModuleDefragCtx,
        key: *mut RedisModuleString,
        value: *mut *mut c_void,
    ) -> c_int,
>;
pub(crate) type RedisModuleConfigGetStringFunc =
    Option<unsafe extern "C" fn(name: *const c_char, privdata: *mut c_void) -> *mut RedisModuleString>;
pub(crate) type RedisModuleConfigGetNumericFunc =
    Option<unsafe extern "C" fn(name: *const c_char, privdata: *mut c_void) -> c_longlong>;
pub(crate) type RedisModuleConfigGetBoolFunc =
    Option<unsafe extern "C" fn(name: *const c_char, privdata: *mut c_void) -> c_int>;
pub(crate) type RedisModuleConfigSetStringFunc = Option<
    unsafe extern "C" fn(
        name: *const c_char,
        val: *mut RedisModuleString,
        privdata: *mut c_void,
        err: *mut *mut RedisModuleString,
    ) -> c_int,
>;
pub(crate) type RedisModuleConfigSetNumericFunc = Option<
    unsafe extern "C" fn(
        name: *const c_char,
        val: c_longlong,
        privdata: *mut c_void,
        err: *mut *mut RedisModuleString,
    ) -> c_int,
>;
pub(crate) type RedisModuleConfigSetBoolFunc = Option<
    unsafe extern "C" fn(
        name: *const c_char,
        val: c_int,
        privdata: *mut c_void,
        err: *mut *mut RedisModuleString,
    ) -> c_int,
>;
pub(crate) type RedisModuleConfigApplyFunc = Option<
    unsafe extern "C" fn(
        ctx: *mut RedisModuleCtx,
        privdata: *mut c_void,
        err: *mut *mut RedisModuleString,
    ) -> c_int,
>;

/// Structs that the server reads, each with its size in bytes on 64-bit platforms: one with another
/// size does not compile.
macro_rules! layouts {
    ($($kind:tt $name:ident: $size:literal { $($field:ident: $type:ty,)* })*) => { $(
        #[repr(C)]
        #[derive(Copy, Clone)]
        pub(crate) $kind $name {
            $( pub(crate) $field: $type, )*
        }

        const _: () = assert!(size_of::<$name>() == $size);
    )* };
}

layouts! {
    struct RedisModuleCommandArg: 72 {
        name: *const c_char,
        type_: RedisModuleCommandArgType,
        key_spec_index: c_int,
        token: *const c_char,
        summary: *const c_char,
        since: *const c_char,
        flags: c_int,
        deprecated_since: *const c_char,
        subargs: *mut RedisModuleCommandArg,
        display_text: *const c_char,
    }

    struct RedisModuleCommandHistoryEntry: 16 {
        since: *const c_char,
        changes: *const c_char,
    }

    struct RedisModuleCommandKeySpec: 56 {
        notes: *const c_char,
        flags: u64,
        begin_search_type: RedisModuleKeySpecBeginSearchType,
        bs: KeySpecBegin,
        find_keys_type: RedisModuleKeySpecFindKeysType,
        fk: KeySpecFind,
    }

    union KeySpecBegin: 16 {
        index: KeySpecBeginIndex,
        keyword: KeySpecBeginKeyword,
    }

    struct KeySpecBeginIndex: 4 {
        pos: c_int,
    }

    struct KeySpecBeginKeyword: 16 {
        keyword: *const c_char,
        startfrom: c_int,
    }

    union KeySpecFind: 12 {
        range: KeySpecFindRange,
        keynum: KeySpecFindKeynum,
    }

    struct KeySpecFindRange: 12 {
        lastkey: c_int,
        keystep: c_int,
        limit: c_int,
    }

    struct KeySpecFindKeynum: 12 {
        keynumidx: c_int,
        firstkey: c_int,
        keystep: c_int,
    }

    struct RedisModuleCommandInfoVersion: 32 {
        version: c_int,
        sizeof_historyentry: usize,
        sizeof_keyspec: usize,
        sizeof_arg: usize,
    }

    struct RedisModuleCommandInfo: 72 {
        version: *const RedisModuleCommandInfoVersion,
        summary: *const c_char,
        complexity: *const c_char,
        since: *const c_char,
        history: *mut RedisModuleCommandHistoryEntry,
        tips: *const c_char,
        arity: c_int,
        key_specs: *mut RedisModuleCommandKeySpec,
        args: *mut RedisModuleCommandArg,
    }

    struct RedisModuleEvent: 16 {
        id: u64,
        dataver: u64,
    }

    struct RedisModuleClientInfo: 80 {
        version: u64,
        flags: u64,
        id: u64,
        addr: [c_char; 46],
        port: u16,
        db: u16,
    }

    struct RedisModuleConfigChange: 24 {
        version: u64,
        num_changes: u32,
        config_names: *mut *const c_char,
    }

    struct RedisModuleTypeMethods: 152 {
        version: u64,
        rdb_load: RedisModuleTypeLoadFunc,
        rdb_save: RedisModuleTypeSaveFunc,
        aof_rewrite: RedisModuleTypeRewriteFunc,
        mem_usage: RedisModuleTypeMemUsageFunc,
        digest: RedisModuleTypeDigestFunc,
        free: RedisModuleTypeFreeFunc,
        aux_load: RedisModuleTypeAuxLoadFunc,
        aux_save: RedisModuleTypeAuxSaveFunc,
        aux_save_triggers: c_int,
        free_effort: RedisModuleTypeFreeEffortFunc,
        unlink: RedisModuleTypeUnlinkFunc,
        copy: RedisModuleTypeCopyFunc,
        defrag: RedisModuleTypeDefragFunc,
        mem_usage2: RedisModuleTypeMemUsageFunc2,
        free_effort2: RedisModuleTypeFreeEffortFunc2,
        unlink2: RedisModuleTypeUnlinkFunc2,
        copy2: RedisModuleTypeCopyFunc2,
        aux_save2: RedisModuleTypeAuxSaveFunc,
    }
}

/// Declares a pointer for each function, [`resolve`] and [`require`].
macro_rules! functions {
    (
        required { $(fn $required:ident($($parameters:tt)*) $(-> $result:ty)?;)* }
        optional { $(fn $optional:ident($($optional_parameters:tt)*) $(-> $optional_result:ty)?;)* }
    ) => {
        /// The module can't work without these.
        pub(crate) mod required {
            use super::*;
            $( pub(crate) static mut $required: Option<unsafe extern "C" fn($($parameters)*) $(-> $result)?> = None; )*
        }

        /// What uses one of these does without it on an older server.
        pub(crate) mod optional {
            use super::*;
            $(
                pub(crate) static mut $optional:
                    Option<unsafe extern "C" fn($($optional_parameters)*) $(-> $optional_result)?> = None;
            )*
        }

        pub(crate) use {optional::*, required::*};

        /// Asks the server for every function by its name. One that the server lacks stays `None`.
        ///
        /// Allocates nothing, because the allocator is among the functions.
        ///
        /// # Safety
        /// `ctx` is the context of OnLoad, and no other code of the module runs.
        pub(super) unsafe fn resolve(ctx: *mut RedisModuleCtx) {
            // SAFETY: the context of OnLoad starts with the address of this function.
            let get_api = unsafe { *ctx.cast::<GetApi>() };
            $(
                let name = concat!(stringify!($required), "\0");
                // SAFETY: the name ends with NUL, and the server writes a function of this name
                // with this signature, or leaves the pointer alone.
                unsafe { get_api(name.as_ptr().cast(), (&raw mut $required).cast()) };
            )*
            $(
                let name = concat!(stringify!($optional), "\0");
                // SAFETY: as above.
                unsafe { get_api(name.as_ptr().cast(), (&raw mut $optional).cast()) };
            )*
        }

        /// Returns the first required function that the server lacks as an error.
        pub(super) fn require() -> Result<(), &'static str> {
            $(
                // SAFETY: only `resolve` writes to the pointer, and it has returned.
                if unsafe { $required }.is_none() { return Err(stringify!($required)); }
            )*
            Ok(())
        }
    };
}

/// `RedisModule_GetApi`, which a context starts with while OnLoad runs.
type GetApi = unsafe extern "C" fn(name: *const c_char, function: *mut c_void) -> c_int;

functions! {
    // Redis 7.0 has all of these.
    required {
        fn RedisModule_Alloc(bytes: usize) -> *mut c_void;
        fn RedisModule_Realloc(ptr: *mut c_void, bytes: usize) -> *mut c_void;
        fn RedisModule_Free(ptr: *mut c_void);
        fn RedisModule_Calloc(nmemb: usize, size: usize) -> *mut c_void;
        fn RedisModule_CreateCommand(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
            cmdfunc: RedisModuleCmdFunc,
            strflags: *const c_char,
            firstkey: c_int,
            lastkey: c_int,
            keystep: c_int,
        ) -> c_int;
        fn RedisModule_GetCommand(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
        ) -> *mut RedisModuleCommand;
        fn RedisModule_CreateSubcommand(
            parent: *mut RedisModuleCommand,
            name: *const c_char,
            cmdfunc: RedisModuleCmdFunc,
            strflags: *const c_char,
            firstkey: c_int,
            lastkey: c_int,
            keystep: c_int,
        ) -> c_int;
        fn RedisModule_SetCommandInfo(
            command: *mut RedisModuleCommand,
            info: *const RedisModuleCommandInfo,
        ) -> c_int;
        fn RedisModule_SetModuleAttribs(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
            ver: c_int,
            apiver: c_int,
        );
        fn RedisModule_IsModuleNameBusy(name: *const c_char) -> c_int;
        fn RedisModule_ReplyWithLongLong(ctx: *mut RedisModuleCtx, ll: c_longlong) -> c_int;
        fn RedisModule_GetSelectedDb(ctx: *mut RedisModuleCtx) -> c_int;
        fn RedisModule_SelectDb(ctx: *mut RedisModuleCtx, newid: c_int) -> c_int;
        fn RedisModule_OpenKey(
            ctx: *mut RedisModuleCtx,
            keyname: *mut RedisModuleString,
            mode: c_int,
        ) -> *mut RedisModuleKey;
        fn RedisModule_CloseKey(kp: *mut RedisModuleKey);
        fn RedisModule_KeyType(kp: *mut RedisModuleKey) -> c_int;
        fn RedisModule_CreateString(
            ctx: *mut RedisModuleCtx,
            ptr: *const c_char,
            len: usize,
        ) -> *mut RedisModuleString;
        fn RedisModule_FreeString(ctx: *mut RedisModuleCtx, string: *mut RedisModuleString);
        fn RedisModule_StringPtrLen(string: *const RedisModuleString, len: *mut usize) -> *const c_char;
        fn RedisModule_ReplyWithError(ctx: *mut RedisModuleCtx, err: *const c_char) -> c_int;
        fn RedisModule_ReplyWithSimpleString(ctx: *mut RedisModuleCtx, msg: *const c_char) -> c_int;
        fn RedisModule_ReplyWithArray(ctx: *mut RedisModuleCtx, len: c_long) -> c_int;
        fn RedisModule_ReplyWithMap(ctx: *mut RedisModuleCtx, len: c_long) -> c_int;
        fn RedisModule_ReplyWithStringBuffer(
            ctx: *mut RedisModuleCtx,
            buf: *const c_char,
            len: usize,
        ) -> c_int;
        fn RedisModule_ReplyWithNull(ctx: *mut RedisModuleCtx) -> c_int;
        fn RedisModule_Replicate(
            ctx: *mut RedisModuleCtx,
            cmdname: *const c_char,
            fmt: *const c_char,
            ...,
        ) -> c_int;
        fn RedisModule_ReplicateVerbatim(ctx: *mut RedisModuleCtx) -> c_int;
        fn RedisModule_StringDMA(
            key: *mut RedisModuleKey,
            len: *mut usize,
            mode: c_int,
        ) -> *mut c_char;
        fn RedisModule_StringTruncate(key: *mut RedisModuleKey, newlen: usize) -> c_int;
        fn RedisModule_DeleteKey(key: *mut RedisModuleKey) -> c_int;
        fn RedisModule_GetAbsExpire(key: *mut RedisModuleKey) -> mstime_t;
        fn RedisModule_SetAbsExpire(key: *mut RedisModuleKey, expire: mstime_t) -> c_int;
        fn RedisModule_GetClientId(ctx: *mut RedisModuleCtx) -> c_ulonglong;
        fn RedisModule_GetClientInfoById(ci: *mut c_void, id: u64) -> c_int;
        fn RedisModule_GetClientUserNameById(
            ctx: *mut RedisModuleCtx,
            id: u64,
        ) -> *mut RedisModuleString;
        fn RedisModule_GetContextFlags(ctx: *mut RedisModuleCtx) -> c_int;
        fn RedisModule_AvoidReplicaTraffic() -> c_int;
        fn RedisModule_CreateDataType(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
            encver: c_int,
            typemethods: *mut RedisModuleTypeMethods,
        ) -> *mut RedisModuleType;
        fn RedisModule_ModuleTypeSetValue(
            key: *mut RedisModuleKey,
            mt: *mut RedisModuleType,
            value: *mut c_void,
        ) -> c_int;
        fn RedisModule_ModuleTypeReplaceValue(
            key: *mut RedisModuleKey,
            mt: *mut RedisModuleType,
            new_value: *mut c_void,
            old_value: *mut *mut c_void,
        ) -> c_int;
        fn RedisModule_ModuleTypeGetType(key: *mut RedisModuleKey) -> *mut RedisModuleType;
        fn RedisModule_ModuleTypeGetValue(key: *mut RedisModuleKey) -> *mut c_void;
        fn RedisModule_IsIOError(io: *mut RedisModuleIO) -> c_int;
        fn RedisModule_SetModuleOptions(ctx: *mut RedisModuleCtx, options: c_int);
        fn RedisModule_SignalModifiedKey(
            ctx: *mut RedisModuleCtx,
            keyname: *mut RedisModuleString,
        ) -> c_int;
        fn RedisModule_EmitAOF(io: *mut RedisModuleIO, cmdname: *const c_char, fmt: *const c_char, ...);
        fn RedisModule_SaveStringBuffer(io: *mut RedisModuleIO, string: *const c_char, len: usize);
        fn RedisModule_LoadStringBuffer(io: *mut RedisModuleIO, lenptr: *mut usize) -> *mut c_char;
        fn RedisModule_Log(ctx: *mut RedisModuleCtx, level: *const c_char, fmt: *const c_char, ...);
        fn RedisModule_Milliseconds() -> mstime_t;
        fn RedisModule_DigestAddStringBuffer(
            md: *mut RedisModuleDigest,
            ele: *const c_char,
            len: usize,
        );
        fn RedisModule_DigestEndSequence(md: *mut RedisModuleDigest);
        fn RedisModule_RegisterInfoFunc(ctx: *mut RedisModuleCtx, cb: RedisModuleInfoFunc) -> c_int;
        fn RedisModule_InfoAddSection(ctx: *mut RedisModuleInfoCtx, name: *const c_char) -> c_int;
        fn RedisModule_InfoAddFieldCString(
            ctx: *mut RedisModuleInfoCtx,
            field: *const c_char,
            value: *const c_char,
        ) -> c_int;
        fn RedisModule_InfoAddFieldULongLong(
            ctx: *mut RedisModuleInfoCtx,
            field: *const c_char,
            value: c_ulonglong,
        ) -> c_int;
        fn RedisModule_SubscribeToServerEvent(
            ctx: *mut RedisModuleCtx,
            event: RedisModuleEvent,
            callback: RedisModuleEventCallback,
        ) -> c_int;
        fn RedisModule_BlockClient(
            ctx: *mut RedisModuleCtx,
            reply_callback: RedisModuleCmdFunc,
            timeout_callback: RedisModuleCmdFunc,
            free_privdata: Option<unsafe extern "C" fn(arg1: *mut RedisModuleCtx, arg2: *mut c_void)>,
            timeout_ms: c_longlong,
        ) -> *mut RedisModuleBlockedClient;
        fn RedisModule_UnblockClient(bc: *mut RedisModuleBlockedClient, privdata: *mut c_void) -> c_int;
        fn RedisModule_GetBlockedClientPrivateData(ctx: *mut RedisModuleCtx) -> *mut c_void;
        fn RedisModule_GetRandomBytes(dst: *mut c_uchar, len: usize);
        fn RedisModule_MallocSize(ptr: *mut c_void) -> usize;
        fn RedisModule_DefragAlloc(ctx: *mut RedisModuleDefragCtx, ptr: *mut c_void) -> *mut c_void;
        fn RedisModule_EventLoopAddOneShot(
            func: RedisModuleEventLoopOneShotFunc,
            user_data: *mut c_void,
        ) -> c_int;
        fn RedisModule_RegisterBoolConfig(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
            default_val: c_int,
            flags: c_uint,
            getfn: RedisModuleConfigGetBoolFunc,
            setfn: RedisModuleConfigSetBoolFunc,
            applyfn: RedisModuleConfigApplyFunc,
            privdata: *mut c_void,
        ) -> c_int;
        fn RedisModule_RegisterNumericConfig(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
            default_val: c_longlong,
            flags: c_uint,
            min: c_longlong,
            max: c_longlong,
            getfn: RedisModuleConfigGetNumericFunc,
            setfn: RedisModuleConfigSetNumericFunc,
            applyfn: RedisModuleConfigApplyFunc,
            privdata: *mut c_void,
        ) -> c_int;
        fn RedisModule_RegisterStringConfig(
            ctx: *mut RedisModuleCtx,
            name: *const c_char,
            default_val: *const c_char,
            flags: c_uint,
            getfn: RedisModuleConfigGetStringFunc,
            setfn: RedisModuleConfigSetStringFunc,
            applyfn: RedisModuleConfigApplyFunc,
            privdata: *mut c_void,
        ) -> c_int;
        fn RedisModule_LoadConfigs(ctx: *mut RedisModuleCtx) -> c_int;
    }
    optional {
        fn RedisModule_SetCommandACLCategories(
            command: *mut RedisModuleCommand,
            ctgrsflags: *const c_char,
        ) -> c_int;
        fn RedisModule_AddACLCategory(ctx: *mut RedisModuleCtx, name: *const c_char) -> c_int;
        fn RedisModule_GetTypeMethodVersion() -> c_int;
        fn RedisModule_GetUsedMemoryRatio() -> f32;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn without_a_server_the_first_required_function_is_missing() {
        assert_eq!(super::require(), Err("RedisModule_Alloc"));
    }
}
