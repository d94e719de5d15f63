//! Random secrets: links, sessions and CSRF tokens.

use anyhow::{Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The SHA-256 of a secret. Only this is kept, and looked up by: the time that a comparison takes
/// then says nothing about the secret.
pub type Mark = [u8; 32];

/// A secret of 256 random bits as text.
pub fn generate() -> Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

pub fn mark(secret: &[u8]) -> Mark {
    let mut mark = [0; 32];
    mark.copy_from_slice(digest(&SHA256, secret).as_ref());
    mark
}

/// Compares in a time that depends on the lengths only.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}
