//! `LW.TOP [COUNT n]`
//!
//! Lists the keys whose calls were denied most often lately on this node, the most denied first:
//! `db`, `key` (its first 256 bytes), `denied`, `error`, `last_ms` (when it was denied last) and
//! `policy` (whose limit that was, or null).
//!
//! `denied` is a decayed count: a denial counts half after five minutes. It and `error` are rounded
//! up. See [`super::sketch`] for what they promise.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::number;
use crate::text::syntax::Param;

use super::settings::{MAX_KEYS, TOP_KEYS};
use super::sketch::{Listed, Sketch, whole};

const DEFAULT_COUNT: u64 = 10;

pub(crate) struct Top;

impl Command for Top {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.TOP",
        summary: c"Lists the keys whose calls were denied most often lately on this node.",
        complexity: c"O(K log K) with K the directive top-keys.",
        args: &[Param::integer(c"count").token(c"COUNT").shown(c"n").optional()],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let count = Self::SPEC.parse(call)?.optional("COUNT", number::within(1..=MAX_KEYS))?;
        let most = usize::try_from(count.unwrap_or(DEFAULT_COUNT)).unwrap_or(usize::MAX);
        let now = call.now();
        let sketch = super::lock(TOP_KEYS.get());
        let top = sketch.as_ref().map_or_else(Vec::new, |sketch: &Sketch| sketch.top(most, now));
        call.reply_array(top.len());
        top.iter().for_each(|key| reply(call, key));
        Ok(())
    }
}

fn reply(call: &Call<'_>, listed: &Listed<'_>) {
    call.reply_map(6);
    call.reply_text("db");
    call.reply_integer(u64::try_from(listed.db).unwrap_or(0));
    call.reply_text("key");
    call.reply_bytes(listed.key);
    for (name, value) in
        [("denied", whole(listed.denied)), ("error", whole(listed.error)), ("last_ms", listed.last.0)]
    {
        call.reply_text(name);
        call.reply_integer(value);
    }
    call.reply_text("policy");
    match listed.policy {
        Some(policy) => call.reply_text(policy),
        None => call.reply_null(),
    }
}
