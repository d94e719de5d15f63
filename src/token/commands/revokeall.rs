//! `LW.REVOKEALL key`
//!
//! Ends every session of the store. Replies with the number of sessions that were live.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::change::Change;
use super::super::native::commit;
use super::super::store::Store;
use super::super::{clock, counters};

pub(crate) struct RevokeAll;

impl Command for RevokeAll {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.REVOKEALL",
        summary: c"Ends every session of a token store.",
        complexity:
            c"O(N/256) with N the number of sessions in the store, which are freed on another thread.",
        args: &[Param::KEY],
        ..Spec::WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        call.require_primary()?;
        let mut key = call.write(name);
        let now = clock::time(call.now());
        let count = match key.value::<Boxed<Store>>()? {
            Some(store) => store.len() - store.count_ended(now),
            None => {
                call.reply_integer(0);
                return Ok(());
            }
        };
        commit(key, vec![Change::Clear], now)?;
        counters::REVOKED.add(count as u64);
        call.reply_integer(count as u64);
        Ok(())
    }
}
