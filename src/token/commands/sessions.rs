//! `LW.SESSIONS key subject`
//!
//! Lists the live sessions of a subject, the most recently rotated first, each a record of
//! `session_id` `created_at_ms` `rotated_at_ms` `expires_at_ms` `generation` `meta`.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::id::SessionId;
use super::super::session::Session;
use super::super::store::Store;
use super::super::{clock, settings};
use super::arguments::{self, SUBJECT};

pub(crate) struct Sessions;

impl Command for Sessions {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.SESSIONS",
        summary: c"Lists the live sessions of a subject, the most recently rotated first.",
        complexity:
            c"O(M log M + log N) with N the number of sessions in the store and M those of the subject.",
        args: &[Param::KEY, SUBJECT],
        ..Spec::READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let subject = Self::SPEC.parse(call)?.required("subject", arguments::name)?;
        let key = call.read(name);
        let store = key.value::<Boxed<Store>>()?;
        let now = clock::time(call.now());
        let mut live: Vec<_> = match &store {
            Some(store) => store
                .of_subject(subject)
                .filter(|(_, session)| session.is_live(now, settings::TOKENS_NOT_BEFORE.get()))
                .collect(),
            None => Vec::new(),
        };
        live.sort_unstable_by_key(|(id, session)| (std::cmp::Reverse(session.rotated), *id));
        call.reply_array(live.len());
        live.into_iter().for_each(|(id, session)| reply(call, id, session));
        Ok(())
    }
}

fn reply(call: &Call<'_>, id: SessionId, session: &Session) {
    call.reply_map(6);
    call.reply_text("session_id");
    call.reply_text(&id.to_string());
    for (name, value) in [
        ("created_at_ms", session.created.0),
        ("rotated_at_ms", session.rotated.0),
        ("expires_at_ms", session.expires.0),
        ("generation", u64::from(session.generation.0)),
    ] {
        call.reply_text(name);
        call.reply_integer(value);
    }
    call.reply_text("meta");
    match session.meta() {
        Some(meta) => call.reply_text(meta),
        None => call.reply_null(),
    }
}
