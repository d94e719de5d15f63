//! `LW.INSPECT key`
//!
//! Explains a key of any type of this module, without touching it: its idle time, frequency, expiry
//! and contents stay as they are. Replies with a map, or null if there is no such key:
//!
//! - `type`: `limiter`, `burst`, `leases` or `tokens`
//! - `bytes`: the memory of the value, without that of the key
//! - `entries`: how many things it holds
//! - `expires_ms`: when the key expires, in Unix milliseconds; -1 if it does not
//! - and the fields of its type, see [`explain`].

#![forbid(unsafe_code)]

mod explain;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::key::ReadKey;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use explain::{Detail, Explain, TYPES};

pub(crate) struct Inspect;

impl Command for Inspect {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.INSPECT",
        summary: c"Explains a key of any lockwatch type, without touching it.",
        complexity: c"O(W * N) with W the number of windows and N the entries that expired since the last admitted call. Of a token store, O(N) with N the sessions divided by some hundreds; of leases, O(N) with N the leases.",
        args: &[Param::KEY],
        ..Spec::READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let now = call.now();
        let key = call.read_untouched(name);
        if key.is_missing() {
            call.reply_null();
            return Ok(());
        }
        let report = TYPES.iter().find_map(|of_type| of_type(&key, now)).ok_or(Refusal::WrongType)?;
        report.reply(call, key.expires());
        Ok(())
    }
}

/// What is known about a key.
struct Report {
    kind: &'static str,
    bytes: usize,
    entries: usize,
    details: Vec<(&'static str, Detail)>,
}

impl Report {
    /// The report on `key` if it holds a `T`.
    fn of<T: Explain>(key: &ReadKey<'_>, now: Timestamp) -> Option<Self> {
        let value = key.value::<T>().ok()??;
        let (entries, details) = (value.entries(), value.details(now));
        Some(Self { kind: T::KIND, bytes: key.memory::<T>(), entries, details })
    }

    fn reply(&self, call: &Call<'_>, expires: Option<Timestamp>) {
        call.reply_map(4 + self.details.len());
        call.reply_text("type");
        call.reply_text(self.kind);
        for (name, value) in [("bytes", self.bytes), ("entries", self.entries)] {
            call.reply_text(name);
            call.reply_integer(value as u64);
        }
        call.reply_text("expires_ms");
        call.reply_integer_or_minus_one(expires.map(|at| at.0));
        for (name, detail) in &self.details {
            call.reply_text(name);
            detail.reply(call);
        }
    }
}
