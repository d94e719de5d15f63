//! `LW.AUDIT [KIND k] [USER id] [IP ip] [METHOD m] [ENDPOINT path] [STATUS code] [LIMITED]
//! [ANOMALY] [LATENCY d] [TIME ms] [DATA json]`
//!
//! Records an event. Replies with its id once it is in the outbox, from where it is shipped to
//! Postgres, if one is configured. At least one field besides KIND and TIME is needed. KIND is
//! `request` unless given.

use crate::outbox::host::edit;
use crate::outbox::limits::{self, Full, Source};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::request::{ARGS, Request};
use super::state::{self, State};
use super::{counters, wake};

pub(crate) struct Audit;

impl Command for Audit {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDIT",
        summary:
            c"Records who did what and when. What Redis does not lose is shipped to Postgres exactly once.",
        complexity: c"O(N) with N the length of the arguments.",
        args: ARGS,
        at_least: 1,
        ..Spec::FAST_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let now = call.now();
        let request = Request::parse(call, Self::SPEC, now)?;
        call.require_primary()?;
        if limits::memory_is_short() {
            state::lock().refuse(request.fields().limited, now);
            counters::REFUSED.count();
            wake::for_gap(now);
            return Err(Refusal::NoMemory);
        }
        let at = request.time.unwrap_or(now);
        let recorded = edit(call, |state: &mut State| {
            let recorded = state.record(request.fields(), at, now, Source::Caller);
            wake::scheduler_at(state.next_batch_at());
            recorded
        });
        match recorded {
            Ok(id) => {
                call.reply_text(id.to_text(&mut [0; 64]));
                Ok(())
            }
            Err(Full) => {
                counters::REFUSED.count();
                wake::for_gap(now);
                Err(Refusal::Full(
                    "the audit log's journal is full: see INFO lockwatch, audit-max-events and audit-max-bytes"
                        .into(),
                ))
            }
        }
    }
}
