//! `LW.MPEEK key limit window cost [key limit window cost ...]`
//!
//! Replies what LW.MRATELIMIT with the same arguments would reply now, except that `time_ms` is 0,
//! because it records nothing. Works on replicas.

use crate::ratelimit::counters;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::window::value::Window;

use super::decide::decide;
use super::reply;
use super::request::{ARGS, MAX_TUPLES, Request};

pub(crate) struct MPeek;

impl Command for MPeek {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.MPEEK",
        summary: c"Tells what LW.MRATELIMIT with the same arguments would reply, and records nothing.",
        complexity: c"O(T) with T the number of tuples, at most 16, plus O(N) with N the entries that expired since the last admitted calls or that a denied one has to wait for.",
        args: ARGS,
        ..Spec::FAST_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut keys = Vec::with_capacity(MAX_TUPLES);
        let request = Request::parse(Self::SPEC, call.args(), |name| keys.push(call.read(name)))?;
        let now = call.now();
        let logs = keys.iter().map(|key| key.value::<Window>()).collect::<Result<Vec<_>, _>>()?;
        let logs: Vec<Option<&Window>> = logs.iter().map(|log| log.as_deref()).collect();
        let decision = decide(&request, &logs, now);
        counters::MULTI_PEEKS.count();
        reply::send(call, &decision, None);
        Ok(())
    }
}
