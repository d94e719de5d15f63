//! `LW.VERIFY key access_token [AUDIENCE aud]`
//!
//! Replies with the claims of a valid access token as JSON, or with `LWEXPIRED`, `LWREVOKED` or
//! `LWINVALID`. [`verify`](super::super::verify) lists the checks in their order.

use crate::server::call::{Call, Outcome};
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::store::Store;
use super::super::verify::{self, AccessRules};
use super::super::{clock, counters, keyring, settings};
use super::arguments::{self, AUDIENCE};

pub(crate) struct Verify;

impl Command for Verify {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.VERIFY",
        flags: "readonly fast no-monitor no-slowlog",
        summary: c"Checks an access token, and that its session is live, and returns its claims.",
        complexity: c"O(log N) with N the number of sessions in the store.",
        args: &[Param::KEY, Param::string(c"access-token").shown(c"access_token").secret(), AUDIENCE],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let token = given.required("access-token", arguments::token)?;
        let audience = given.optional("AUDIENCE", arguments::name)?;
        verify(call, token, audience).inspect_err(|_| counters::VERIFY_REFUSED.count())
    }
}

fn verify(call: &Call<'_>, token: &[u8], audience: Option<&str>) -> Outcome {
    let (name, _) = call.key_and_args();
    let key = call.read(name);
    let store = key.value::<Boxed<Store>>()?;
    let claims = verify::signed(&keyring::current(), token)?;
    let (issuer, configured) = settings::names();
    let rules = AccessRules {
        now: clock::time(call.now()),
        leeway: settings::JWT_LEEWAY.get(),
        issuer: &issuer,
        audience: Some(audience.unwrap_or(&configured)),
        not_before: settings::TOKENS_NOT_BEFORE.get(),
    };
    verify::judge(&claims, store.as_deref().map(|store| &**store), &rules)?;
    counters::VERIFIED.count();
    call.reply_text(&claims.json);
    Ok(())
}
