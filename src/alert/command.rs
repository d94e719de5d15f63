//! `LW.ALERT type json [DEDUP text COOLDOWN d]`
//!
//! Raises an alert, which is sent to every webhook endpoint until each has accepted it. With DEDUP,
//! only if no alert with that type and text was raised in the last `d`. Replies with the id that
//! the receivers see, or nil if DEDUP suppressed the alert.

use crate::outbox::host::edit;
use crate::outbox::limits::{self, Full, Source};
use crate::outbox::reserved::refuse_reserved;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::escape;
use crate::text::json;
use crate::text::syntax::Param;
use crate::text::time::Span;

use super::counters;
use super::dedup::{self, Digest, MAX_COOLDOWN};
use super::state::State;
use super::wake;

const MAX_TYPE_BYTES: usize = 64;
const MAX_JSON_BYTES: usize = 65_536;
/// The deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 128;

pub(crate) struct RaiseAlert;

impl Command for RaiseAlert {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERT",
        summary: c"Raises an alert, which is delivered to every webhook endpoint at least once.",
        complexity: c"O(N) with N the length of the JSON.",
        args: &[
            Param::string(c"type"),
            Param::json(c"json"),
            Param::block(
                c"dedup",
                &[
                    Param::string(c"text").token(c"DEDUP"),
                    Param::string(c"cooldown").token(c"COOLDOWN").shown(c"d"),
                ],
            )
            .optional(),
        ],
        ..Spec::FAST_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call)?;
        call.require_primary()?;
        if limits::memory_is_short() {
            counters::REFUSED.count();
            return Err(Refusal::NoMemory);
        }
        let now = call.now();
        let raised = edit(call, |state: &mut State| {
            let Request { kind, json, dedup } = request;
            match dedup {
                Some(once) => state.raise_once(kind, json, once, now, Source::Caller),
                None => state.raise(kind, json, now, Source::Caller).map(Some),
            }
        });
        wake::scheduler();
        match raised {
            Ok(Some(id)) => call.reply_text(&id.to_string()),
            Ok(None) => {
                counters::DEDUPLICATED.count();
                call.reply_null();
            }
            Err(Full) => {
                counters::REFUSED.count();
                return Err(Refusal::Full(
                    "too many alerts wait to be delivered: see INFO lockwatch, alert-max-events and alert-max-bytes"
                        .into(),
                ));
            }
        }
        Ok(())
    }
}

/// A call's arguments.
struct Request<'a> {
    kind: &'a str,
    json: &'a str,
    dedup: Option<(Digest, Span)>,
}

impl<'a> Request<'a> {
    fn parse(call: &Call<'a>) -> Result<Self, Refusal> {
        let given = RaiseAlert::SPEC.parse(call)?;
        let kind = given.required("type", kind)?;
        let json = given.required("json", |json| json::check(json, MAX_JSON_BYTES, MAX_DEPTH))?;
        let text = given.bytes("DEDUP");
        let cooldown = given.optional("COOLDOWN", cooldown)?;
        let dedup = text.zip(cooldown).map(|(text, cooldown)| (dedup::digest_of(kind, text), cooldown));
        Ok(Self { kind, json, dedup })
    }
}

fn kind(text: &[u8]) -> Result<&str, String> {
    refuse_reserved(escape::read_label(MAX_TYPE_BYTES)(text)?)
}

fn cooldown(text: &[u8]) -> Result<Span, String> {
    match duration::parse(text) {
        Ok(cooldown) if cooldown <= MAX_COOLDOWN => Ok(cooldown),
        Ok(_) => Err("is longer than 30 days (30d)".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}
