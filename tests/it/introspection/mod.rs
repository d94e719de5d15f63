//! COMMAND, ACL, INFO, CONFIG, MODULE and MEMORY, as operators and tools use them.

mod acl;
mod commands;
mod config;
#[cfg(feature = "debug-commands")]
mod config_set;
mod info;
mod memory;
mod module;
#[cfg(feature = "debug-commands")]
mod sums;
