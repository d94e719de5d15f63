//! What the subcommands share: the name of a policy, the subject of an override, and how limits are
//! replied.

use crate::server::call::Call;
use crate::text::options::{Given, Malformed};
use crate::text::syntax::Param;

use super::super::rule::Rule;
use super::super::subject::{self, Pattern};

pub(super) const NAME: Param = Param::string(c"name");
pub(super) const FOR: Param = Param::string(c"subject").token(c"FOR").optional();

/// Reads the name of a policy.
pub(super) fn read_name(text: &[u8]) -> Result<&[u8], &'static str> {
    if subject::is_name(text) { Ok(text) } else { Err("is not 1 to 64 letters, digits, '.', '_' or '-'") }
}

/// The subject that an override is for, as text and as a pattern.
pub(super) fn subject<'a>(given: &Given<'a>) -> Result<Option<(&'a [u8], Pattern<'a>)>, Malformed> {
    given.optional("FOR", |text| Pattern::parse(text).map(|pattern| (text, pattern)))
}

/// Replies with the limits, an array of a limit and a window in milliseconds each, and whether they
/// only observe: two fields of a map.
pub(super) fn reply_rule(call: &Call<'_>, rule: &Rule) {
    call.reply_text("limits");
    call.reply_array(rule.quotas().len());
    for quota in rule.quotas() {
        call.reply_array(2);
        call.reply_integer(quota.limit);
        call.reply_integer(quota.window.0);
    }
    call.reply_text("shadow");
    call.reply_integer(u64::from(rule.shadow));
}
