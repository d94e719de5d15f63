//! `LW.RENEW key id ttl`
//!
//! Has a lease last at least `ttl` from now on. Replies 1, or 0 if the lease has ended or never
//! was.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::syntax::Param;

use super::super::id::LeaseId;
use super::super::native::update;
use super::super::{close, counters};

pub(crate) struct Renew;

impl Command for Renew {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.RENEW",
        summary: c"Has a lease last at least a time from now on.",
        complexity: c"O(log N) with N the number of leases of the key.",
        args: &[Param::KEY, Param::string(c"id"), Param::string(c"ttl")],
        ..Spec::FAST_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let id = given.required("id", LeaseId::read)?;
        let ttl = given.required("ttl", duration::parse)?;
        let now = call.now();
        let end = update(call.write(name), |leases| Ok(leases.renewal(&id, ttl, now)))?;
        match end {
            Some(end) => {
                counters::RENEWED.count();
                close::renewed(call, id, end);
            }
            None => counters::MISSED.count(),
        }
        call.reply_integer(u64::from(end.is_some()));
        Ok(())
    }
}
