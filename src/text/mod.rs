//! Pure parsing and formatting. Nothing here knows the server or a wing.

#![forbid(unsafe_code)]

pub mod duration;
pub mod escape;
pub mod http;
pub mod json;
pub mod lines;
pub mod number;
pub mod options;
pub mod quoted;
pub mod syntax;
pub mod time;
