//! The declaration of `LW._POLICY`.

use crate::server::spec::Spec;
use crate::text::syntax::Param;

pub(super) const EFFECT: Spec = Spec {
    name: c"LW._POLICY",
    summary: c"Internal: applies a change of the policies that comes from the primary or the AOF.",
    complexity: c"O(1) for a change, O(N) for all policies with N policies and overrides.",
    args: &[Param::string(c"effect")],
    ..Spec::EFFECT
};
