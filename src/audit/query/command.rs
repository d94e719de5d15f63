//! `LW.AUDITLOG QUERY [KIND k|prefix*] [USER id] [IP ip|cidr] [METHOD m] [ENDPOINT prefix]
//! [STATUS code] [FROM ms] [TO ms] [LIMITED] [ANOMALY] [LOCAL] [COUNT n] [BEFORE id]`
//!
//! The events that match, newest first, each a map of `id` `timestamp_ms` `kind` `user_id` `ip`
//! `endpoint` `method` `status_code` `rate_limit_hit` `anomaly_detected` `latency_ms` `data`.
//! BEFORE the id of the last one continues, until a page is empty: a page of large events has fewer
//! than COUNT.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::state;
use super::asker::Asker;
use super::page::{ARGS, Page};
use super::reader::{self, Question};
use super::record;
use super::search::{TooMany, in_queue_within};

/// The most events that the main thread examines, which takes it some milliseconds.
const MOST_EXAMINED: usize = 20_000;

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
        let target = state.target().filter(|_| !page.local).cloned();
        if !call.may_wait() {
            // Without a database this thread can answer at once.
            if target.is_some() {
                return Err(Refusal::Unavailable(
                    "the answer is in Postgres, and MULTI and scripts do not let a client wait for it: \
                     LOCAL asks the journal alone"
                        .into(),
                ));
            }
            let found = in_queue_within(state.contents().queue(), &page, MOST_EXAMINED);
            let found = found.map_err(|TooMany| {
                Refusal::Unavailable(format!(
                    "more than {MOST_EXAMINED} events would have to be searched, which MULTI and scripts do \
                     not let another thread do: call it outside them, or narrow FROM and TO"
                ))
            })?;
            record::reply(call, found.events());
            return Ok(());
        }
        reader::is_ready()?;
        let events = state.contents().queue().snapshot();
        let asker = Asker::new(call.wait()?);
        reader::ask(Question { page, events, target, asker });
        Ok(())
    }
}
