//! Clocks.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Clock, Facts, Seen, asked};
use super::super::finding::{Finding, Level};
use super::{duration, found, well};

pub const CHECKS: &[Check] = &[
    Check {
        name: "clock",
        about: "the servers' clocks agree with each other and with the program's",
        look: Look::Fleet(clocks),
    },
    Check { name: "clock-steps", about: "no clock was set back", look: Look::Module(steps) },
];

/// A difference that no synchronised clock has.
const APART_MS: i64 = 1000;
/// The default of jwt-leeway: beyond it tokens of one server are refused by another.
const LEEWAY_MS: i64 = 5000;

fn clocks(facts: &Facts) -> Outcome {
    let mut clocks: Vec<(&str, &Clock)> = Vec::new();
    for node in facts.seen() {
        clocks.push((node.name, asked(&node.answers.clock)?));
    }
    let Some((behind, slow)) = clocks.iter().min_by_key(|(_, clock)| clock.ahead_ms) else { return well() };
    let Some((ahead, fast)) = clocks.iter().max_by_key(|(_, clock)| clock.ahead_ms) else { return well() };
    let between = fast.ahead_ms.saturating_sub(slow.ahead_ms);
    let apart = between.saturating_sub(fast.uncertain_ms.saturating_add(slow.uncertain_ms));
    if apart > APART_MS {
        let level = if apart > LEEWAY_MS { Level::Error } else { Level::Warning };
        return found(
            Finding::at(
                level,
                format!("the clock of {ahead} is ahead of that of {behind} by {}", duration(between)),
            )
            .why(
                "After a failover limits last longer or end early by as much, bans too, and access tokens \
                 may be refused as not valid yet.",
            )
            .todo("Synchronise the clocks by NTP, slewing them instead of stepping them.")
            .shell("timedatectl timesync-status"),
        );
    }
    from_program(&clocks)
}

/// All servers agree: whether the program's machine does, too.
fn from_program(clocks: &[(&str, &Clock)]) -> Outcome {
    let near = clocks
        .iter()
        .map(|(_, clock)| clock.ahead_ms.saturating_abs().saturating_sub(clock.uncertain_ms))
        .min()
        .unwrap_or(0);
    if near <= APART_MS {
        return well();
    }
    let offset = clocks.iter().map(|(_, clock)| clock.ahead_ms).max().unwrap_or(0);
    let how = if offset > 0 { "ahead of" } else { "behind" };
    found(
        Finding::warning(format!(
            "the servers' clocks are {how} the clock of this program's machine by {}",
            duration(offset.saturating_abs())
        ))
        .why(
            "One of them is wrong. If it is the servers', tokens that others verify by JWKS look expired \
             or not valid yet, and times in the audit log are wrong.",
        )
        .todo("Compare both with a third clock, and synchronise the wrong one by NTP.")
        .shell("timedatectl timesync-status"),
    )
}

fn steps(node: Seen<'_>) -> Outcome {
    let ahead = node.lockwatch("token_clock_ahead_ms")?;
    let steps = node
        .lockwatch("ratelimit_clock_steps_total")?
        .saturating_add(node.lockwatch("burst_clock_steps_total")?);
    if ahead > 0 {
        return found(
            Finding::warning(format!(
                "the time of tokens is ahead of the clock by {}, because the clock was set back",
                duration(ahead)
            ))
            .why(
                "New access tokens look as if they came from the future: verifiers without leeway refuse \
                 them.",
            )
            .todo("Wait until the clock has caught up, and let NTP slew the clock instead of stepping it."),
        );
    }
    if steps > 0 {
        return found(
            Finding::note(format!(
                "entries of {steps} keys were moved since the start, because the clock had stepped back"
            ))
            .why(
                "Limits then last longer by as much as the clock was set back. The limiter never admits \
                 too much for that reason.",
            )
            .todo("Let NTP slew the clock instead of stepping it."),
        );
    }
    well()
}
