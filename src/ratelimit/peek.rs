//! `LW.PEEK key limit window [limit window ...] | @policy [COST n]`
//!
//! Replies what LW.RATELIMIT with the same arguments would reply now, and records nothing. `COST 0`
//! asks for the current state. Works on replicas.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::window::value::Window;
use crate::window::verdict::judge_new;

use super::request::{PEEK, Request, Unusual};
use super::{by_policy, counters, reply};

pub(crate) struct Peek;

impl Command for Peek {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.PEEK",
        summary: c"Tells what LW.RATELIMIT with the same arguments would reply, and records nothing.",
        complexity: c"O(P) with P the number of limit window pairs, plus O(N) with N the entries that expired since the last admitted call or that a denied one has to wait for.",
        args: PEEK,
        ..Spec::FAST_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, args) = call.key_and_args();
        let request = match Request::parse(Self::SPEC, args, 0) {
            Ok(request) => request,
            Err(Unusual::Refused(refusal)) => return Err(refusal),
            // LW.PEEK has no such options.
            Err(Unusual::Special(special)) => special.request,
            Err(Unusual::Policy(policy)) => return by_policy::peek(call, Self::SPEC, policy),
        };
        let now = call.now();
        let key = call.read(name);
        let verdict = match key.value::<Window>()? {
            Some(window) => window.judge(request.quotas(), request.cost, now),
            None => judge_new(request.quotas(), request.cost, now),
        };
        counters::PEEKS.count();
        call.reply_integers(reply::integers(&verdict));
        Ok(())
    }
}
