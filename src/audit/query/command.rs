//! `LW.AUDITLOG QUERY [KIND k] [USER id] [IP ip|cidr] [ENDPOINT prefix] [FROM ms] [TO ms] [LIMITED]
//! [ANOMALY] [COUNT n] [BEFORE id]`
//!
//! The events that match, newest first, each a map of `id` `timestamp_ms` `kind` `user_id` `ip`
//! `endpoint` `method` `status_code` `rate_limit_hit` `anomaly_detected` `latency_ms` `data`.
//! BEFORE the id of the last one continues.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::state;
use super::page::{ARGS, Page};
use super::reader::{self, Asker, Question};
use super::record;
use super::search::in_queue;

pub(crate) struct Query;

impl Command for Query {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|QUERY",
        summary: c"Lists the events of the audit log that match, newest first, from the journal and from Postgres.",
        complexity: c"O(N+M) with N the number of events in the journal and M the number of events listed; on another thread.",
        args: ARGS,
        ..Spec::READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let page = Page::parse(call, Self::SPEC)?;
        let state = state::lock();
        let target = state.target().cloned();
        if !call.may_wait() {
            // Without a database this thread can answer at once.
            if target.is_some() {
                return Err(Refusal::Unavailable(
                    "the answer is in Postgres, and MULTI and scripts do not let a client wait for it".into(),
                ));
            }
            record::reply(call, &in_queue(state.contents().queue(), &page));
            return Ok(());
        }
        reader::is_ready()?;
        let events = state.contents().queue().snapshot();
        let asker = Asker::new(call.wait()?);
        reader::ask(Question { page, events, target, asker });
        Ok(())
    }
}
