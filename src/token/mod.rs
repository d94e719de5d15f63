//! Tokens: signed access tokens (JWT, RFC 7519 and RFC 9068) and opaque refresh tokens with reuse
//! detection (RFC 9700, section 4.14.2).
//!
//! Pure, from the inside out:
//!
//! - [`session`] is one login of a subject; [`store`] holds all sessions of a key; [`change`] lists
//!   every way in which a store changes; [`snapshot`] writes and reads a whole store; [`effect`]
//!   encodes changes for replicas and the AOF.
//! - [`rotation`] decides what to do with a presented refresh token.
//! - [`refresh`] is the format of refresh tokens, [`jwt`] that of access tokens; [`claims`] writes
//!   and reads their claims; [`strict`] parses JSON that has only one reading.
//!
//! Keys:
//!
//! - [`key`] is a signing key, [`jwk`] its public half for others, [`secrets`] the file format of
//!   secrets.
//! - [`keyring`] holds the keys in force; [`generate`] makes keys where none are configured;
//!   [`key_generation`] lets LW.ISSUE wait for that.
//!
//! With the server:
//!
//! - [`settings`] are the directives, [`counters`] and [`info`] the fields of INFO.
//! - [`life`] knows when writes may have been lost; [`clock`] is a time that does not go back.
//! - [`verify`] checks an access token, with a [`cache`] of checked signatures.
//! - [`grant`] builds the tokens of a session; [`signer`] signs them, on workers where that is
//!   slow.
//! - [`incident`] raises the alert and records the audit event of a stolen or forged token.
//! - [`native`] is the store as a Redis data type; [`commands`] has one file per command.

#![forbid(unsafe_code)]

pub mod cache;
pub mod change;
pub mod claims;
pub mod clock;
pub mod commands;
pub mod counters;
pub mod effect;
pub mod error;
pub mod generate;
pub mod grant;
pub mod id;
pub mod incident;
pub mod info;
pub mod jwk;
pub mod jwt;
pub mod key;
pub mod key_generation;
pub mod keyring;
pub mod life;
pub mod native;
#[cfg(test)]
mod properties;
pub mod refresh;
pub mod rotation;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod signer;
pub mod snapshot;
pub mod store;
pub mod strict;
pub mod verify;
