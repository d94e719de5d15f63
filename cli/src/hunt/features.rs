//! The features by which subjects are compared.

use super::event::HOUR;
use super::sketch::EXACT;
use super::subject::{Hours, Subject};

/// Features of a user, and of an address.
pub(super) const COUNT: usize = 13;

/// What the whole log says, against which a single subject is measured.
pub(super) struct Site {
    /// Hours of the day (UTC) that are night.
    pub(super) night: [bool; 24],
    pub(super) night_share: f64,
    pub(super) failure_share: f64,
    /// Hours that the log covers.
    pub(super) span_hours: f64,
}

impl Site {
    pub(super) fn new(hours: &Hours, night: [bool; 24], calls: u64, failures: u64, span_ms: i64) -> Self {
        let total = calls.max(1) as f64;
        Self {
            night,
            night_share: at_night(hours, &night) / total,
            failure_share: failures as f64 / total,
            span_hours: (span_ms as f64 / HOUR as f64).max(1.0),
        }
    }
}

pub(super) fn at_night(hours: &Hours, night: &[bool; 24]) -> f64 {
    hours.iter().zip(night).filter(|(_, is_night)| **is_night).map(|(calls, _)| f64::from(*calls)).sum()
}

/// The eight hours in a row (UTC) in which the site has the fewest calls.
pub(super) fn quietest(hours: &Hours) -> (usize, usize) {
    let calls = |first: usize| (first..first + 8).map(|hour| u64::from(hours[hour % 24])).sum::<u64>();
    let first = (0..24).min_by_key(|first| calls(*first)).unwrap_or(0);
    (first, (first + 8) % 24)
}

/// How a value is compared and written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// Compared by its logarithm: 100 is as far from 10 as 10 from 1.
    Count,
    /// The same of distinct values, of which there may be too many to count exactly.
    Distinct,
    /// From 0 to 1, written in percent.
    Share,
    /// Bits of entropy.
    Bits,
    /// The variation of pauses. Here less is stranger.
    Variation,
}

pub(super) struct Feature {
    /// For JSON.
    pub(super) name: &'static str,
    pub(super) words: &'static str,
    pub(super) unit: Unit,
    /// How often the forest draws it. What people do for good reasons, such as calling often, has
    /// less weight than what they do not.
    pub(super) weight: usize,
    /// The value that is compared.
    pub(super) of: Of,
    /// The value that is written: shares of few calls are compared with caution and written as they
    /// are.
    pub(super) written: Of,
}

impl Feature {
    /// The value in a form in which differences are comparable, more being stranger.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        match self.unit {
            Unit::Count | Unit::Distinct => value.max(0.0).ln_1p(),
            Unit::Share | Unit::Bits => value,
            Unit::Variation => -value,
        }
    }

    /// The smallest spread among subjects, in the same form, that counts as different: without it,
    /// a feature that nearly all have in common would make the least difference a strange one.
    pub(super) fn least_spread(&self) -> f64 {
        match self.unit {
            Unit::Count | Unit::Distinct => 0.5,
            Unit::Share => 0.1,
            Unit::Bits => 1.0,
            Unit::Variation => 0.5,
        }
    }

    pub(super) fn words_for(&self, value: f64) -> String {
        match self.unit {
            Unit::Distinct if value >= EXACT => format!("about {value:.0}"),
            Unit::Count | Unit::Distinct if value < 10.0 && value.fract() != 0.0 => format!("{value:.1}"),
            Unit::Count | Unit::Distinct => format!("{value:.0}"),
            Unit::Share => format!("{:.0} %", value * 100.0),
            Unit::Bits => format!("{value:.1} bits"),
            Unit::Variation => format!("{value:.1}"),
        }
    }
}

/// A share of few calls is moved towards the share of the site, as if these calls of it were among
/// them.
const PRIOR: f64 = 4.0;
/// The variation of pauses of a person, taken where there are too few.
const HUMAN: f64 = 2.0;

fn share(part: f64, subject: &Subject, site: f64) -> f64 {
    (part + PRIOR * site) / (f64::from(subject.calls) + PRIOR)
}

/// Calls of an address are divided by its users, so that a large office is no stranger than a small
/// one.
fn each_user(value: f64, subject: &Subject) -> f64 {
    value / subject.others.count().max(1.0)
}

type Of = fn(&Subject, &Site) -> f64;

const fn feature(name: &'static str, words: &'static str, unit: Unit, weight: usize, of: Of) -> Feature {
    Feature { name, words, unit, weight, of, written: of }
}

const fn cautious(of: Feature, written: Of) -> Feature {
    Feature { written, ..of }
}

fn mean(it: &Subject) -> f64 {
    f64::from(it.calls) / f64::from(it.active_hours.max(1))
}

const ACTIVE: Feature = feature("active_hours", "hours with calls", Unit::Share, 1, |it, site| {
    (f64::from(it.active_hours) / site.span_hours).min(1.0)
});
const PAUSES: Feature = feature("pauses", "variation of pauses", Unit::Variation, 1, |it, _| {
    it.pauses.variation().unwrap_or(HUMAN)
});
const PATHS: Feature = feature("paths", "distinct paths", Unit::Distinct, 1, |it, _| {
    // Many are estimated, and no call has two.
    it.paths.count().min(it.calls.into())
});
const ENTROPY: Feature =
    feature("path_entropy", "entropy of paths", Unit::Bits, 1, |it, _| it.spread.entropy());
const NIGHT: Feature = cautious(
    feature("night_share", "calls at night", Unit::Share, 1, |it, site| {
        share(at_night(&it.hours, &site.night), it, site.night_share)
    }),
    |it, site| at_night(&it.hours, &site.night) / f64::from(it.calls.max(1)),
);
const INCIDENTS: Feature =
    feature("incidents", "incidents found by lockwatch", Unit::Count, 3, |it, _| it.incidents.into());
const FAILURES: Feature = feature("failures", "failures", Unit::Count, 1, |it, _| it.failures.into());

fn failure_share(it: &Subject, site: &Site) -> f64 {
    share(it.failures.into(), it, site.failure_share)
}

fn failures_of_calls(it: &Subject, _: &Site) -> f64 {
    f64::from(it.failures) / f64::from(it.calls.max(1))
}

fn out_of_habit(it: &Subject, _: &Site) -> f64 {
    it.out_of_habit.into()
}

const NEW_PLACE: &str = "calls from a network and at an hour new to the user";

pub(super) const OF_ADDRESSES: [Feature; COUNT] = [
    feature("peak", "calls of each user in the busiest hour", Unit::Count, 1, |it, _| {
        each_user(it.peak.into(), it)
    }),
    feature("mean", "calls of each user in an hour with calls", Unit::Count, 1, |it, _| {
        each_user(mean(it), it)
    }),
    ACTIVE,
    PAUSES,
    PATHS,
    ENTROPY,
    NIGHT,
    INCIDENTS,
    FAILURES,
    cautious(feature("failure_share", "calls that failed", Unit::Share, 3, failure_share), failures_of_calls),
    feature("out_of_habit", NEW_PLACE, Unit::Count, 3, out_of_habit),
    feature("agents", "agents of each user", Unit::Distinct, 1, |it, _| each_user(it.agents.count(), it)),
    feature("failed_users", "users for whom all calls failed", Unit::Distinct, 4, |it, _| {
        it.failed_others.count_without(&it.others)
    }),
];

pub(super) const OF_USERS: [Feature; COUNT] = [
    feature("peak", "calls in the busiest hour", Unit::Count, 1, |it, _| it.peak.into()),
    feature("mean", "calls in an hour with calls", Unit::Count, 1, |it, _| mean(it)),
    ACTIVE,
    PAUSES,
    PATHS,
    ENTROPY,
    NIGHT,
    INCIDENTS,
    FAILURES,
    cautious(feature("failure_share", "calls that failed", Unit::Share, 1, failure_share), failures_of_calls),
    feature("out_of_habit", NEW_PLACE, Unit::Count, 4, out_of_habit),
    feature("agents", "distinct agents", Unit::Distinct, 1, |it, _| it.agents.count()),
    feature("addresses", "distinct addresses", Unit::Distinct, 1, |it, _| it.others.count()),
];
