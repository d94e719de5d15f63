//! What the directives say to a decision.

use crate::server::events::random_u64;

use super::event::Terms;
use super::rule::Mode;
use super::rules::Rules;
use super::settings::GUARD_LEARN;

/// A ban is longer by up to this many thousandths.
const JITTER: u64 = 100;

pub(crate) fn of(rules: &Rules) -> Terms<'_> {
    Terms {
        observe: rules.mode == Mode::Observe,
        never_ban: &rules.never_ban,
        learn: GUARD_LEARN.get(),
        jitter: || random_u64() % (JITTER + 1),
    }
}
