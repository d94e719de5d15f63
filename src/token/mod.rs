//! Tokens: signed access tokens (JWT, RFC 7519 and RFC 9068) and opaque refresh tokens with reuse
//! detection (RFC 9700, section 4.14.2).
//!
//! Pure, from the inside out:
//!
//! - [`session`] is one login of a subject; [`store`] holds all sessions of a key, in sorted
//!   maps that copies of the key share; [`change`] lists
//!   every way in which a store changes; [`snapshot`] writes and reads a whole store; [`effect`]
//!   encodes changes for replicas and the AOF.
//! - [`rotation`] decides what to do with a presented refresh token.
//! - [`refresh`] is the format of refresh tokens, [`jwt`] that of access tokens; [`claims`] writes
//!   and reads their claims; [`strict`] parses JSON that has only one reading.
//!
//! Keys:
//!
//! - [`key`] is a signing key, [`jwk`] its public half for others, [`pem`] says why a file holds no
//!   key, [`secrets`] is the file format of secrets.
//! - [`keyring`] holds the keys in force; [`generate`] makes keys where none are configured;
//!   [`key_generation`] lets LW.ISSUE wait for that.
//!
//! With the server:
//!
//! - [`settings`] are the directives, [`counters`] and [`info`] the fields of INFO.
//! - [`life`] knows when writes may have been lost; [`clock`] is a time that does not go back.
//! - [`verify`] checks an access token, with a [`cache`] of checked signatures.
//! - [`grant`] builds the tokens of a session; [`signer`] signs them, on workers where that is
//!   slow; [`seed`] seeds the random generator that signing needs.
//! - [`memory`] refuses longer claims above `maxmemory`.
//! - [`incident`] raises the alert and records the audit event of a stolen or forged token.
//! - [`native`] is the store as a Redis data type; [`commands`] has one file per command.

#![forbid(unsafe_code)]

pub(crate) mod cache;
pub(crate) mod change;
pub(crate) mod claims;
pub(crate) mod clock;
pub(crate) mod commands;
pub(crate) mod counters;
pub(crate) mod effect;
pub(crate) mod error;
pub(crate) mod generate;
pub(crate) mod grant;
pub(crate) mod id;
pub(crate) mod incident;
pub(crate) mod info;
pub(crate) mod jwk;
pub(crate) mod jwt;
pub(crate) mod key;
pub(crate) mod key_generation;
pub(crate) mod keyring;
pub(crate) mod life;
pub(crate) mod memory;
pub(crate) mod native;
pub(crate) mod pem;
#[cfg(test)]
mod properties;
pub(crate) mod refresh;
pub(crate) mod rotation;
pub(crate) mod secrets;
pub(crate) mod seed;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod signer;
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod strict;
pub(crate) mod verify;
