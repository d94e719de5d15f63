//! COMMAND, ACL, INFO, CONFIG, MODULE and MEMORY, as operators and tools use them.

mod acl;
mod commands;
mod config;
mod info;
mod memory;
mod module;
