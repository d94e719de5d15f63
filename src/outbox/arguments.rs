//! The arguments of the commands that manage an outbox: `[COUNT n]` and `id|ALL`.

use crate::journal::id::Id;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

/// `[COUNT n]`
pub(crate) const COUNT: Param = Param::integer(c"count").token(c"COUNT").shown(c"n").optional();

/// `id|ALL`
pub(crate) const WHICH: Param = Param::one_of(c"which", &[Param::string(c"id"), Param::word(c"ALL", c"all")]);

/// Reads the arguments of a command whose only argument is [`WHICH`]. `None` is all.
pub(crate) fn which(call: &Call<'_>, spec: &Spec) -> Result<Option<Id>, Refusal> {
    let given = spec.parse(call)?;
    let is_all = given.has("ALL");
    let id = given.optional("id", |text| Id::parse(text).ok_or("is neither ALL nor an id"))?;
    debug_assert!(is_all || id.is_some(), "the table requires one of the two");
    Ok(id)
}
