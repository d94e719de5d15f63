//! Raises an alert and records an audit event when a refresh token turns out to be stolen, forged,
//! or from a lost write. Both are part of the step that found it.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::alert::raise;
use crate::audit;
use crate::audit::entry::Fields;
use crate::server::call::Call;
use crate::text::escape::escaped_within;
use crate::text::json::storable;
use crate::text::time::Timestamp;

use super::rotation::Presented;
use super::session::Session;

/// A refresh token was used twice. Its session has been ended.
const REUSE: &str = "token.reuse";
/// A refresh token with a valid authentication code was never issued: somebody knows the refresh
/// secret.
const FORGERY: &str = "token.forgery";
/// A refresh token comes from a rotation that this copy of the data does not know: the last writes
/// before a restart or failover were lost.
const ROLLBACK: &str = "token.rollback";

#[derive(Clone, Copy)]
pub(crate) enum Incident {
    Reuse,
    Forgery,
    /// Changes of claims may have been lost as well, unless the call has brought claims.
    Rollback {
        claims_given: bool,
    },
}

impl Incident {
    /// The type of the alert and the kind of the event.
    fn kind(self) -> &'static str {
        match self {
            Self::Reuse => REUSE,
            Self::Forgery => FORGERY,
            Self::Rollback { .. } => ROLLBACK,
        }
    }
}

/// The longest part of a key that is reported, in bytes.
const KEY: usize = 256;

#[derive(Serialize)]
struct Data<'a> {
    key: String,
    subject: &'a str,
    session_id: String,
    presented_generation: u32,
    stored_generation: u32,
    session_created_ms: Timestamp,
    session_rotated_ms: Timestamp,
    stored_meta: Option<&'a RawValue>,
    presented_meta: Option<&'a RawValue>,
    /// Of a rollback alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    claims_may_be_older: Option<bool>,
}

/// Reports what happened to `session` when `presented` was used with `meta`.
pub(crate) fn report(
    call: &Call<'_>,
    incident: Incident,
    key: &[u8],
    session: &Session,
    presented: &Presented,
    meta: Option<&str>,
    now: Timestamp,
) {
    let raw =
        |json: Option<&'_ str>| json.and_then(|json| RawValue::from_string(storable(json).into_owned()).ok());
    let kind = incident.kind();
    let (stored_meta, presented_meta) = (raw(session.meta()), raw(meta));
    let data = Data {
        key: escaped_within(key, KEY).into_owned(),
        subject: &session.subject,
        session_id: presented.session.to_string(),
        presented_generation: presented.generation.0,
        stored_generation: session.generation.0,
        session_created_ms: session.created,
        session_rotated_ms: session.rotated,
        stored_meta: stored_meta.as_deref(),
        presented_meta: presented_meta.as_deref(),
        claims_may_be_older: match incident {
            Incident::Rollback { claims_given } => Some(!claims_given),
            _ => None,
        },
    };
    // Serialising plain data to memory can't fail.
    let data = serde_json::to_string(&data).unwrap_or_else(|_| "{}".to_owned());
    raise::own(call, now, kind, &data);
    let user = escaped_within(session.subject.as_bytes(), audit::entry::USER);
    let fields =
        Fields { kind: Some(kind), anomaly: true, user: Some(&user), data: Some(&data), ..Fields::default() };
    audit::own::record(call, fields, now);
}
