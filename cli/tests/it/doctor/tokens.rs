//! Faults of tokens.

use lockwatch_test_support::Server;
use lockwatch_test_support::tokens::{Algorithm::EdDsa, Keys, refresh_token};

use super::deployment::{Sound, sound};

fn issuer() -> (Keys, Sound) {
    let keys = Keys::new();
    let server = sound(Server::builder()).issuing(&keys, EdDsa).start();
    (keys, Sound::of(server))
}

#[test]
fn a_forged_token_is_found() {
    let (_keys, mut sound) = issuer();
    let tokens = sound.admin.issue("auth alice");
    let forged = refresh_token(&tokens.session, 7, tokens.refresh_expires_ms);
    assert_eq!(sound.admin.rotate_refused("auth", &forged), "LWINVALID");
    sound.doctor(&[]).assert_is(&[("error", "forged-tokens"), ("warning", "no-webhook")]);
}

#[test]
fn a_token_that_was_used_twice_is_noted() {
    let (_keys, mut sound) = issuer();
    sound.admin.set("rotate-grace", "0");
    let tokens = sound.admin.issue("auth alice");
    let second = sound.admin.rotate("auth", &tokens.refresh);
    sound.admin.rotate("auth", &second.refresh);
    assert_eq!(sound.admin.rotate_refused("auth", &tokens.refresh), "LWREUSED");
    sound.doctor(&[]).assert_is(&[("note", "stolen-tokens"), ("warning", "no-webhook")]);
}
