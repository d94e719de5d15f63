//! Prints rules so that they can be read again.

use std::fmt::{self, Display};

use crate::text::duration::shown;

use super::super::rule::{Action, Count, Kind, Mode, Of, Rule, Scope};
use super::Entry;

/// A line of the file.
impl Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.guard, self.rule)
    }
}

/// Prints the rule without the name of its guard.
impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.name, self.scope)?;
        for (n, kind) in self.kinds.iter().enumerate() {
            write!(f, "{}{kind}", if n == 0 { "" } else { "," })?;
        }
        write!(f, " {} ", self.count)?;
        if let Some(quiet) = self.quiet {
            write!(f, "quiet {} ", shown(quiet))?;
        }
        write!(f, "{} {}", self.action, self.mode)
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::User => "user",
            Self::Pair => "pair",
            Self::Key => "key",
        })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempt => "attempt",
            Self::Open => "open",
            Self::Success => "success",
            Self::Password => "password",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
            Self::Mfa => "mfa",
            Self::Reset => "reset",
            Self::Other(word) => word,
        })
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Each => f.write_str("each"),
            Self::Leak { most, every } => write!(f, "{most} leak {}", shown(every)),
            Self::Distinct { most, of, every } => write!(f, "{most} {of} leak {}", shown(every)),
            Self::Gaps { last, over } => write!(f, "{last} gaps over {}", shown(over)),
        }
    }
}

impl Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "users",
            Self::Networks => "networks",
            Self::Values => "values",
        })
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Alert => f.write_str("alert"),
            Self::Challenge { lasts, alert: false } => write!(f, "challenge {}", shown(lasts)),
            Self::Challenge { lasts, alert: true } => write!(f, "challenge {} alert", shown(lasts)),
            Self::Ban { base, most: None } => write!(f, "ban {}", shown(base)),
            Self::Ban { base, most: Some(most) } => write!(f, "ban {} max {}", shown(base), shown(most)),
        }
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        })
    }
}
