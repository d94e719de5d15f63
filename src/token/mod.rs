//! Tokens: signed access tokens (JWT, RFC 7519 and RFC 9068) and opaque refresh tokens with reuse detection (RFC 9700,
//! section 4.14.2), issued, rotated, verified and revoked in one step each.
//!
//! From the inside out:
//!
//! - [`session`] is one login of a subject, [`store`] all sessions of a key, [`change`] every way in which a store
//!   changes, [`snapshot`] the store as bytes. Pure.
//! - [`rotation`] is the table by which a presented refresh token is judged. Pure.
//! - [`refresh`] is the refresh token's format, [`jwt`] the access token's, [`claims`] what is in one, [`strict`] JSON
//!   without two readings.
//! - [`key`] is a signing key, [`jwk`] its public half as others fetch it, [`secrets`] the refresh secrets; [`keyring`] is
//!   what of them is configured, [`generate`] what is made where nothing is, [`making`] who waits for that. [`life`] is when
//!   this copy of the data may have lost writes, [`clock`] a time that does not go back.
//! - [`verify`] checks an access token, with a [`cache`] of signatures.
//! - [`grant`] makes the tokens of a session, [`signer`] signs them on threads of its own.
//! - [`incident`] raises the alert and records the audit event when a token was stolen, forged or came from a lost write.
//! - [`native`] is the store as a Redis data type; [`commands`] are the commands, a file each.

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
