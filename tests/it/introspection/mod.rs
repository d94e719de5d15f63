//! What operators and tools see of the module: COMMAND, ACL, INFO, CONFIG, MODULE, MEMORY.

mod acl;
mod commands;
mod config;
mod config_set;
mod info;
mod memory;
mod module;
