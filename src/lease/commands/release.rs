//! `LW.RELEASE key id`
//!
//! Ends a lease. Replies 1, or 0 if the lease has ended already or never was.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::id::LeaseId;
use super::super::native::update;
use super::super::{close, counters};

pub(crate) struct Release;

impl Command for Release {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.RELEASE",
        summary: c"Ends a lease.",
        complexity: c"O(log N) with N the number of leases of the key.",
        args: &[Param::KEY, Param::string(c"id")],
        ..Spec::FAST_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let id = Self::SPEC.parse(call)?.required("id", LeaseId::read)?;
        let now = call.now();
        let released = update(call.write(name), |leases| Ok(leases.release(&id, None, now)))?;
        close::forget(call, id);
        if released {
            counters::RELEASED.count()
        } else {
            counters::MISSED.count()
        }
        call.reply_integer(u64::from(released));
        Ok(())
    }
}
