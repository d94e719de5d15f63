//! `LW.JWKS`
//!
//! Replies with the public keys that verify access tokens, as a JSON Web Key Set (RFC 7517, section
//! 5). It never contains a shared secret.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::keyring;

pub(crate) struct Jwks;

impl Command for Jwks {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.JWKS",
        summary: c"Returns the public keys that verify access tokens, as a JSON Web Key Set.",
        complexity: c"O(N) with N the number of keys.",
        ..Spec::FAST_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let ring = keyring::current();
        let keys: Vec<_> = ring.keys.iter().filter_map(|key| key.jwk.as_deref()).collect();
        call.reply_text(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")));
        Ok(())
    }
}
