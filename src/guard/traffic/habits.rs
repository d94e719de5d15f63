//! What one of the honest people does, and how often it goes wrong.

use super::site::MINUTE;

/// Shares in thousandths.
pub(super) const TYPO: u64 = 120;
/// Of typos: in the user's name.
pub(super) const WRONG_NAME: u64 = 100;
pub(super) const FORGETS: u64 = 5;
pub(super) const HAS_CODES: u64 = 300;
pub(super) const WRONG_CODE: u64 = 60;
/// Of all people, on each working day: somebody new in the place of somebody who leaves.
pub(super) const NEW: u64 = 10;

/// The number of failures after which one who has forgotten the password asks for a new one.
pub(super) const UNTIL_RESET: u32 = 3;
/// The number of failures after which everybody stops, and comes back [`PAUSE`] later.
pub(super) const PATIENCE: u32 = 6;
pub(super) const PAUSE: u64 = 5 * MINUTE;

/// What somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Typed {
    Right,
    Wrong,
    WrongName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Begin,
    Submit {
        typed: Typed,
        nonce: u64,
        solved: bool,
    },
    /// The site answers.
    Answer {
        typed: Typed,
        nonce: u64,
    },
    Code,
    Reset,
}

#[derive(Default)]
pub(super) struct Person {
    /// Grows when somebody new comes in this place, and with each new password.
    pub generation: u32,
    pub password: u32,
    pub has_codes: bool,
    pub is_busy: bool,
    pub has_forgotten: bool,
    pub is_delayed: bool,
    pub failures: u32,
}
