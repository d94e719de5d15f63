//! `LW.INTROSPECT key token`
//!
//! Replies with the state of a token as the JSON of RFC 7662. An access token has its claims and
//! `token_type` `Bearer`; a refresh token has `iss sub iat exp sid` and `token_type`
//! `refresh_token`. Any other token is `{"active":false}`, without an error. Changes nothing and
//! detects no reuse.

use std::collections::BTreeMap;

use serde_json::json;
use serde_json::value::RawValue;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::super::keyring::{self, Keyring};
use super::super::rotation::{Judgement, judge};
use super::super::store::Store;
use super::super::verify::{self, AccessRules};
use super::super::{clock, refresh, settings};
use super::arguments;

pub(crate) struct Introspect;

impl Command for Introspect {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.INTROSPECT",
        flags: "readonly fast no-monitor no-slowlog",
        summary: c"Tells whether an access or refresh token is active, and what it says, as RFC 7662 has it.",
        complexity: c"O(log N) with N the number of sessions in the store.",
        args: &[Param::KEY, Param::string(c"token").secret()],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let token = Self::SPEC.parse(call)?.required("token", arguments::token)?;
        let key = call.read(name);
        let store = key.value::<Boxed<Store>>()?;
        let store = store.as_deref().map(|store| &**store);
        let ring = keyring::current();
        ring.require_keys()?;
        let now = clock::time(call.now());
        let told = if token.starts_with(refresh::PREFIX.as_bytes()) {
            refresh(&ring, token, store, now)
        } else {
            access(&ring, token, store, now)
        };
        call.reply_text(told.as_deref().unwrap_or(r#"{"active":false}"#));
        Ok(())
    }
}

fn access(ring: &Keyring, token: &[u8], store: Option<&Store>, now: Timestamp) -> Option<String> {
    let claims = verify::signed(ring, token).ok()?;
    let (issuer, _) = settings::names();
    let rules = AccessRules {
        now,
        leeway: settings::JWT_LEEWAY.get(),
        issuer: &issuer,
        // The reader of the reply checks the audience.
        audience: None,
        not_before: settings::TOKENS_NOT_BEFORE.get(),
    };
    verify::judge(&claims, store, &rules).ok()?;
    let mut members: BTreeMap<&str, Box<RawValue>> = serde_json::from_str(&claims.json).ok()?;
    // Overrides a claim `active` of the application.
    members.insert("active", RawValue::from_string("true".to_owned()).ok()?);
    members.insert("token_type", RawValue::from_string("\"Bearer\"".to_owned()).ok()?);
    serde_json::to_string(&members).ok()
}

fn refresh(ring: &Keyring, token: &[u8], store: Option<&Store>, now: Timestamp) -> Option<String> {
    let presented = refresh::read(token, &ring.refresh).ok()?;
    let session = store?.get(presented.session)?;
    let judgement = judge(Some(session), &presented, &settings::rules(now, store));
    if !matches!(judgement, Judgement::Rotate | Judgement::RollForward | Judgement::Replay) {
        return None;
    }
    let (issuer, _) = settings::names();
    let told = json!({
        "active": true,
        "token_type": "refresh_token",
        "iss": &*issuer,
        "sub": &*session.subject,
        "iat": session.issued_s(),
        "exp": presented.expires.0 / 1000,
        "sid": presented.session.to_string(),
    });
    Some(told.to_string())
}
