//! An event, as LW.AUDITLOG replies with it.

use std::fmt::{self, Display};

use crate::journal::id::Id;
use crate::server::call::Call;

use super::super::entry::{Fields, Record};

/// The number of fields of an event.
pub(crate) const FIELDS: usize = 12;

pub(crate) fn reply(call: &Call<'_>, found: &[Record]) {
    call.reply_array(found.len());
    for (id, entry) in found {
        call.reply_map(FIELDS);
        reply_fields(call, *id, &entry.fields());
    }
}

/// Replies with the fields of an event. A missing field is nil.
pub(crate) fn reply_fields(call: &Call<'_>, id: Id, fields: &Fields<'_>) {
    let text = |name: &str, value: Option<&str>| {
        call.reply_text(name);
        match value {
            Some(value) => call.reply_text(value),
            None => call.reply_null(),
        }
    };
    let integer = |name: &str, value: Option<u64>| {
        call.reply_text(name);
        match value {
            Some(value) => call.reply_integer(value),
            None => call.reply_null(),
        }
    };
    text("id", Some(id.to_text(&mut [0; 64])));
    integer("timestamp_ms", Some(id.at.0));
    text("kind", Some(fields.kind()));
    text("user_id", fields.user);
    text("ip", fields.ip.map(|ip| ip.to_string()).as_deref());
    text("endpoint", fields.endpoint);
    text("method", fields.method);
    integer("status_code", fields.status.map(u64::from));
    integer("rate_limit_hit", Some(u64::from(fields.limited)));
    integer("anomaly_detected", Some(u64::from(fields.anomaly)));
    text("latency_ms", fields.latency.map(|us| Milliseconds(us).to_string()).as_deref());
    text("data", fields.data);
}

/// Microseconds, shown as milliseconds with as many decimals as needed.
struct Milliseconds(u64);

impl Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::Milliseconds;

    #[test]
    fn a_latency_has_as_many_decimals_as_it_takes() {
        for (us, text) in
            [(0, "0"), (1, "0.001"), (1500, "1.5"), (12_000, "12"), (100_000, "100"), (1_234_567, "1234.567")]
        {
            assert_eq!(Milliseconds(us).to_string(), text);
        }
    }
}
