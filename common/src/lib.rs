//! What the module and the program for operators share.
//!
//! - [`file`] reads small regular files without ever blocking.
//! - [`nearest`] finds the word that a misspelt one most likely means.
//! - [`postgres`] reads the URL of the database and connects by TLS as libpq does.

#![deny(unsafe_code)]

pub mod file;
pub mod nearest;
pub mod postgres;
