//! The database of the audit log: its URL, read as libpq reads it, and TLS.

pub mod target;
pub mod tls;
mod url;
