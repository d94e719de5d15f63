//! `LW.AUDITLOG ERASE USER id [BY text]`
//!
//! Removes the events of a user that were recorded before the command: from the journal, the dead
//! letters and Postgres. Replies with a map: the number of events removed from each (`journal`,
//! `dead`, `postgres`; nil without a database), and the id of the event that records the erasure
//! (`event`).

use crate::outbox::host::edit;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::escape::escaped_within;
use crate::text::syntax::Param;

use super::super::entry::USER;
use super::super::state::{self, State};
use super::job::{self, Request};

/// The maximum size of BY and of the ACL user after escaping, beyond which they are cut.
const BY: usize = 256;

pub(crate) struct Erase;

impl Command for Erase {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|ERASE",
        // The user is personal data.
        flags: "write admin no-monitor no-slowlog",
        summary: c"Removes the events of a user from the journal, the dead letters and Postgres.",
        complexity: c"O(N) with N the number of events in the journal and of the user; on another thread.",
        args: &[
            Param::string(c"user").token(c"USER").shown(c"id"),
            Param::string(c"by").token(c"BY").shown(c"text").optional(),
        ],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let escaped = |bytes| Ok::<_, &str>(escaped_within(bytes, USER).into_owned());
        let bounded = |text: &[u8]| escaped_within(text, BY).into_owned();
        let request = Request {
            user: given.required("USER", escaped)?,
            by: given.bytes("BY").map(bounded),
            acl_user: call.acl_user().map(|user| bounded(user.as_bytes())),
        };
        call.require_primary()?;
        if !call.may_wait() {
            return Err(Refusal::Unavailable(
                "LW.AUDITLOG ERASE waits, which MULTI and scripts do not allow: nothing was erased".into(),
            ));
        }
        job::is_ready(&state::lock())?;
        let client = call.wait()?;
        edit(call, |state: &mut State| job::begin(state, request, client));
        Ok(())
    }
}
