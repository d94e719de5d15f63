//! `LW.VERIFY key access_token [AUDIENCE aud]`
//!
//! Replies with the claims of a good access token as JSON; `LWEXPIRED`, `LWREVOKED` or `LWINVALID` else. What is checked, and
//! in which order, [`verify`](super::super::verify) says.

use crate::server::call::{Call, Outcome};
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::server::native::Boxed;

use super::super::store::Store;
use super::super::verify::{self, AccessRules};
use super::super::{clock, counters, keyring, settings};
use super::arguments::{self, Options};

const SYNTAX: &str = "LW.VERIFY key access_token [AUDIENCE aud]";

/// The command.
pub struct Verify;

impl Command for Verify {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.VERIFY",
        flags: "readonly fast no-monitor no-slowlog",
        categories: "read fast",
        arity: -3,
        key: KeyAccess::Read,
        summary: c"Checks an access token, and that its session is live, and returns its claims.",
        complexity: c"O(log N) with N the number of sessions in the store.",
        since: c"0.1.0",
        args: &[
            DocArg::new(c"key", DocKind::Key),
            DocArg::new(c"access-token", DocKind::String),
            DocArg { token: Some(c"AUDIENCE"), optional: true, ..DocArg::new(c"audience", DocKind::String) },
        ],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (_, mut args) = call.key_and_args();
        let token = args.next().map(|arg| arg.bytes()).unwrap_or_default();
        let mut options = Options::new(args, &["AUDIENCE"], SYNTAX);
        let mut audience = None;
        while let Some((_, value)) = options.next()? {
            audience = Some(arguments::name("audience", value, SYNTAX)?);
        }
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
