//! LW.RATELIMIT with options that only few calls have, off the ordinary path.

use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::key::WriteKey;

use super::request::Special;

#[cold]
pub(super) fn run(_call: &Call<'_>, _key: WriteKey<'_>, _special: &Special) -> Result<(), Refusal> {
    Err(Refusal::malformed("not yet"))
}
