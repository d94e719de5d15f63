//! Arguments that several commands of guards take.

use crate::server::call::Call;
use crate::text::duration;
use crate::text::escape::escaped_within;
use crate::text::options::Given;
use crate::text::syntax::Param;
use crate::text::time::Span;

use super::super::bans::MOST_TEXT;

pub(super) const IP: Param = Param::string(c"ip").token(c"IP");
pub(super) const BLOCK: Param = Param::string(c"ip").token(c"IP").shown(c"ip|cidr");
// A caller may pass a password as a user by mistake. Errors must not show it.
pub(super) const USER: Param = Param::string(c"user").token(c"USER").secret();
pub(super) const KEY: Param = Param::string(c"free-key").token(c"KEY").shown(c"k").secret();
pub(super) const DEVICE: Param = Param::string(c"device").token(c"DEVICE").shown(c"id").secret();
pub(super) const VALUE: Param = Param::string(c"value").token(c"VALUE").shown(c"v").secret();
pub(super) const HASH: Param = Param::string(c"hash").token(c"HASH").shown(c"h");
pub(super) const BY: Param = Param::string(c"by").token(c"BY").shown(c"text");
pub(super) const REASON: Param = Param::string(c"reason").token(c"REASON").shown(c"text");
pub(super) const FOR: Param = Param::string(c"duration").token(c"FOR").shown(c"d");

pub(super) fn duration(text: &[u8]) -> Result<Span, duration::NotADuration> {
    duration::parse(text)
}

/// The caller's ACL user, escaped and bounded.
pub(super) fn acl_user(call: &Call<'_>) -> Box<str> {
    let user = call.acl_user().unwrap_or_default();
    escaped_within(user.as_bytes(), MOST_TEXT).into_owned().into()
}

/// A text of an operator, escaped and bounded.
pub(super) fn text(given: &Given<'_>, option: &str) -> Box<str> {
    let text = given.bytes(option).unwrap_or_default();
    escaped_within(text, MOST_TEXT).into_owned().into()
}
