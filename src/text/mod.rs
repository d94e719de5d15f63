//! Pure parsing and formatting. Nothing here knows the server or another part.

#![forbid(unsafe_code)]

pub(crate) mod duration;
pub(crate) mod escape;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod network;
pub(crate) mod number;
pub(crate) mod options;
pub(crate) mod quoted;
pub(crate) mod syntax;
pub(crate) mod time;
