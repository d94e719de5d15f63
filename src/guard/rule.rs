//! A rule: what is counted for which subject, and what happens when the count is exceeded.

use crate::text::time::Span;

/// The most rules of one guard, with those of `*`.
pub(crate) const MOST_RULES: usize = 32;
/// The highest number of a distinct count.
pub(crate) const MOST_DISTINCT: u32 = 64;
/// The highest number of gaps of which the median is taken.
pub(crate) const MOST_GAPS: u32 = 64;
/// The longest time for which a rule of scope `pair` bans.
pub(crate) const PAIR_BAN: Span = Span(86_400_000);

/// Identifies a rule within its guard, in values, files and on replicas: a hash of its name.
///
/// A guard holds states of rules that a replica, or a later rules file, does not know. So states
/// don't refer to a place in a table. The parser refuses two names with one tag in a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tag(pub u32);

impl Tag {
    /// FNV-1a with 32 bits, as <http://www.isthe.com/chongo/tech/comp/fnv/> defines it.
    pub(crate) fn of(name: &str) -> Self {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
        Self(name.bytes().fold(2_166_136_261, step))
    }
}

/// What a rule keeps a count for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// An address: an IPv4 address or an IPv6 /64. An IPv6 /48 has a count of its own, with four
    /// times the numbers.
    Ip,
    User,
    /// A user at an address, or at a known device.
    Pair,
    /// The argument KEY.
    Key,
}

/// The kind of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// LW.ATTEMPT, before the password is checked.
    Attempt,
    /// An attempt that has no outcome yet.
    Open,
    Success,
    /// The first factor was right, and another one follows.
    Password,
    Failure,
    /// There is no such user. Rules on `failure` count it too.
    Unknown,
    /// A second factor was wrong.
    Mfa,
    /// The user's password was changed.
    Reset,
    /// Any other word of the application.
    Other(Box<str>),
}

/// What a distinct count counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Users,
    Networks,
    Values,
}

/// When a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// On every event.
    Each,
    /// On the event by which a leaky bucket exceeds `most`. One unit leaks every `every`.
    Leak { most: u32, every: Span },
    /// Like `Leak`, but only those count that were not seen within `most` x `every`.
    Distinct { most: u32, of: Of, every: Span },
    /// On the event by which the median of the last `last` gaps between events exceeds `over`.
    Gaps { last: u32, over: Span },
}

/// What happens when a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Alert,
    Challenge {
        lasts: Span,
        alert: bool,
    },
    /// For `base` x 2^strikes, at most `most`.
    Ban {
        base: Span,
        most: Option<Span>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Enforce,
    Observe,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub name: Box<str>,
    pub tag: Tag,
    pub scope: Scope,
    /// At least one.
    pub kinds: Box<[Kind]>,
    pub count: Count,
    /// How long the rule stays silent for a subject after it has fired for it.
    pub quiet: Option<Span>,
    pub action: Action,
    pub mode: Mode,
}

impl Kind {
    /// The kind that a word names.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "attempt" => Self::Attempt,
            "open" => Self::Open,
            "success" => Self::Success,
            "password" => Self::Password,
            "failure" => Self::Failure,
            "unknown" => Self::Unknown,
            "mfa" => Self::Mfa,
            "reset" => Self::Reset,
            other => Self::Other(other.into()),
        }
    }
}

impl Rule {
    /// Whether the rule counts events of `kind`.
    pub(crate) fn counts(&self, kind: &Kind) -> bool {
        let matches = |own: &Kind| own == kind || (*own == Kind::Failure && *kind == Kind::Unknown);
        self.kinds.iter().any(matches)
    }
}

impl Count {
    /// The number of events or distinct ones that a rule allows, and within which time, as LW.BANS
    /// and alerts show them.
    pub(crate) fn numbers(&self) -> (u32, Span) {
        match *self {
            Self::Each => (0, Span(0)),
            Self::Leak { most, every } | Self::Distinct { most, every, .. } => {
                (most, Span(every.0.saturating_mul(most.into())))
            }
            Self::Gaps { last, over } => (last, over),
        }
    }
}
