//! `LW.REVOKEALL key`
//!
//! Ends every session of the store, and replies how many those were.

use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::server::native::Boxed;

use super::super::change::Change;
use super::super::native::commit;
use super::super::store::Store;
use super::super::{clock, counters};

/// The command.
pub struct RevokeAll;

impl Command for RevokeAll {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.REVOKEALL",
        flags: "write",
        categories: "write slow",
        arity: 2,
        key: KeyAccess::Update,
        summary: c"Ends every session of a token store.",
        complexity: c"O(M) with M the number of sessions that have ended by themselves and were not removed yet; the rest is freed on another thread.",
        since: c"0.1.0",
        args: &[DocArg::new(c"key", DocKind::Key)],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        call.require_primary()?;
        let mut key = call.write(name);
        let now = clock::time(call.now());
        let count = match key.value::<Boxed<Store>>()? {
            Some(store) => store.len() - store.ended(now, usize::MAX).count(),
            None => {
                call.reply_integer(0);
                return Ok(());
            }
        };
        commit(call, name, key, vec![Change::Clear], now)?;
        counters::REVOKED.add(count as u64);
        call.reply_integer(count as u64);
        Ok(())
    }
}
