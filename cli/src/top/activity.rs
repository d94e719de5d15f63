//! What an application asks lockwatch to do, and how often it was told no.

use super::cell::number;
use super::rates::Rates;

/// A line of the overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// LW.RATELIMIT, LW.MRATELIMIT and CL.THROTTLE.
    Limiter,
    /// LW.ATTEMPT.
    Attempts,
    /// LW.CHECK.
    Checks,
    /// LW.BURST. A burst stands for a denial.
    Bursts,
    /// LW.ACQUIRE.
    Leases,
    /// LW.ISSUE, LW.ROTATE and LW.VERIFY.
    Tokens,
}

impl Activity {
    /// In the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Limiter, Self::Attempts, Self::Checks, Self::Bursts, Self::Leases, Self::Tokens];

    pub fn name(self) -> &'static str {
        match self {
            Self::Limiter => "limiter",
            Self::Attempts => "attempts",
            Self::Checks => "checks",
            Self::Bursts => "bursts",
            Self::Leases => "leases",
            Self::Tokens => "tokens",
        }
    }

    fn call_counters(self) -> &'static [&'static str] {
        match self {
            Self::Limiter => &["ratelimit_calls_total", "mratelimit_calls_total", "cell_calls_total"],
            Self::Attempts => &["guard_attempts_total"],
            Self::Checks => &["guard_checks_total"],
            Self::Bursts => &["burst_calls_total"],
            Self::Leases => &["lease_acquired_total", "lease_denied_total", "lease_repeated_total"],
            Self::Tokens => &[
                "token_issued_total",
                "token_rotated_total",
                "token_replayed_total",
                "token_verified_total",
                "token_rotate_refused_total",
                "token_verify_refused_total",
            ],
        }
    }

    fn denied_counters(self) -> &'static [&'static str] {
        match self {
            Self::Limiter => &["ratelimit_denied_total", "mratelimit_denied_total", "cell_denied_total"],
            Self::Attempts => &["guard_attempts_denied_total"],
            Self::Checks => &["guard_checks_denied_total"],
            Self::Bursts => &["burst_bursts_total"],
            Self::Leases => &["lease_denied_total"],
            Self::Tokens => &["token_rotate_refused_total", "token_verify_refused_total"],
        }
    }

    /// Calls a second.
    pub fn calls(self, rates: &Rates) -> f64 {
        rates.sum(self.call_counters())
    }

    /// Denials a second.
    pub fn denied(self, rates: &Rates) -> f64 {
        rates.sum(self.denied_counters())
    }

    /// What else is worth knowing, each a rate with its noun; only those that are not 0.
    pub fn others(self, rates: &Rates) -> Vec<String> {
        let of = |counters: &[(&str, &str)]| -> Vec<String> {
            let some = counters.iter().map(|(counter, noun)| (rates.of(counter), noun));
            some.filter(|(rate, _)| *rate > 0.0)
                .map(|(rate, noun)| format!("{} {noun}", number(rate)))
                .collect()
        };
        match self {
            Self::Limiter => of(&[("ratelimit_forced_total", "forced")]),
            Self::Attempts => {
                let mut all = of(&[("guard_attempts_challenged_total", "challenged")]);
                let failed = rates.of("guard_outcomes_total") - rates.of("guard_successes_total");
                if failed > 0.05 {
                    all.push(format!("{} failed", number(failed)));
                }
                all.extend(of(&[("guard_successes_total", "ok"), ("guard_bans_total", "bans")]));
                all
            }
            Self::Checks => Vec::new(),
            Self::Bursts => of(&[("burst_alerts_total", "alerts")]),
            Self::Leases => of(&[("lease_released_total", "released"), ("lease_missed_total", "missed")]),
            Self::Tokens => of(&[
                ("token_reused_total", "reused"),
                ("token_forged_total", "forged"),
                ("token_issued_total", "issued"),
                ("token_rotated_total", "rotated"),
            ]),
        }
    }
}
