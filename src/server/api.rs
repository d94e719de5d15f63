//! Access to the server's functions.
//!
//! The server resolves them by name when the module loads. A function that it lacks stays `None`.
//! [`require`] checks those that the module can't work without; the rest are probed where they are
//! used.

/// The function `$name`, which [`require`] has found to exist.
macro_rules! api {
    ($name:ident) => {
        // SAFETY: a read of a pointer that is written once, in OnLoad, before any callback of ours
        // can run.
        match unsafe { $crate::server::raw::$name } {
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

/// Reached only if [`require`] does not list the function.
#[cold]
pub(super) fn missing(name: &str) -> ! {
    panic!("{name} is not in the list of required functions")
}

macro_rules! required {
    ($($name:ident)*) => {
        /// Returns the first required function that the server lacks as an error.
        pub(super) fn require() -> Result<(), &'static str> {
            $( if api_if_any!($name).is_none() { return Err(stringify!($name)); } )*
            Ok(())
        }
    };
}

// Redis 7.0 has all of these.
required! {
    RedisModule_Alloc RedisModule_Calloc RedisModule_Realloc RedisModule_Free
    RedisModule_CreateCommand RedisModule_GetCommand RedisModule_SetCommandInfo
    RedisModule_ReplyWithArray RedisModule_ReplyWithLongLong RedisModule_ReplyWithSimpleString
    RedisModule_ReplyWithError
    RedisModule_StringPtrLen RedisModule_Milliseconds RedisModule_GetContextFlags RedisModule_Log
    RedisModule_OpenKey RedisModule_CloseKey RedisModule_DeleteKey RedisModule_SetAbsExpire
    RedisModule_ModuleTypeGetType RedisModule_ModuleTypeGetValue RedisModule_ModuleTypeSetValue
    RedisModule_ModuleTypeReplaceValue RedisModule_KeyType RedisModule_SignalModifiedKey
    RedisModule_Replicate RedisModule_ReplicateVerbatim RedisModule_SetModuleOptions
    RedisModule_CreateDataType RedisModule_SaveStringBuffer RedisModule_LoadStringBuffer RedisModule_IsIOError
    RedisModule_EmitAOF RedisModule_DigestAddStringBuffer RedisModule_DigestEndSequence
    RedisModule_DefragAlloc RedisModule_MallocSize
    RedisModule_RegisterNumericConfig RedisModule_RegisterBoolConfig RedisModule_RegisterStringConfig
    RedisModule_LoadConfigs
    RedisModule_CreateString RedisModule_FreeString
    RedisModule_CreateSubcommand RedisModule_ReplyWithMap RedisModule_ReplyWithStringBuffer
    RedisModule_ReplyWithNull
    RedisModule_SubscribeToServerEvent RedisModule_AvoidReplicaTraffic RedisModule_EventLoopAddOneShot
    RedisModule_GetRandomBytes
    RedisModule_BlockClient RedisModule_UnblockClient RedisModule_GetBlockedClientPrivateData
    RedisModule_SelectDb RedisModule_GetSelectedDb
    RedisModule_GetClientId RedisModule_GetClientUserNameById
    RedisModule_RegisterInfoFunc RedisModule_InfoAddSection RedisModule_InfoAddFieldULongLong
    RedisModule_InfoAddFieldCString
}
