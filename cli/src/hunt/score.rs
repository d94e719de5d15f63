//! Scores subjects and says what makes them strange.

use super::features::{COUNT, Feature, Site};
use super::forest::Forest;
use super::name::Name;
use super::subject::Subject;

/// Fewer subjects than this can't be compared.
pub(super) const FEWEST: usize = 20;
/// Beyond this many spreads from the median all values are equally strange.
const FARTHEST: f64 = 20.0;
/// How much of the score a feature has to make up to be named.
const NAMED: f64 = 0.01;

pub(super) struct Strange {
    pub(super) name: Name,
    pub(super) score: f64,
    pub(super) calls: u32,
    pub(super) incidents: u32,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// What makes it strange, the most important first.
    pub(super) reasons: Vec<Reason>,
    /// What the guard tells it now, if that is not "allow".
    pub(super) standing: Option<String>,
}

pub(super) struct Reason {
    pub(super) feature: &'static Feature,
    pub(super) value: f64,
    pub(super) median: f64,
    /// How much lower the score would be with the median.
    pub(super) weight: f64,
}

impl Reason {
    /// Whether a reader sees a difference: shares of few calls are compared with caution, but
    /// written as they are, so that a strange one may be written like the median.
    fn is_visible(&self) -> bool {
        self.feature.words_for(self.value) != self.feature.words_for(self.median)
    }
}

type Subjects<'a> = [(Name, &'a Subject)];
type Features = &'static [Feature; COUNT];

/// The `top` strangest of `subjects`, which are in a fixed order. Empty if there are too few.
pub(super) fn strangest(
    subjects: &Subjects,
    features: Features,
    site: &Site,
    top: usize,
    seed: u64,
) -> Vec<Strange> {
    if subjects.len() < FEWEST {
        return Vec::new();
    }
    let scales: [Scale; COUNT] = std::array::from_fn(|i| Scale::of(&features[i], subjects, site));
    let point = |(_, subject): &(Name, &Subject)| -> [f64; COUNT] {
        std::array::from_fn(|i| scales[i].strangeness(&features[i], (features[i].of)(subject, site)))
    };
    let points: Vec<[f64; COUNT]> = subjects.iter().map(point).collect();
    let forest = Forest::grow(&points, &std::array::from_fn(|i| features[i].weight), seed);
    let mut ranked: Vec<(usize, f64)> = points.iter().map(|point| forest.score(point)).enumerate().collect();
    ranked.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
    let explain = |(i, score): &(usize, f64)| {
        let (name, subject) = &subjects[*i];
        let reason = |(feature, weight): (usize, f64)| Reason {
            feature: &features[feature],
            value: (features[feature].written)(subject, site),
            median: scales[feature].written,
            weight,
        };
        Strange {
            name: name.clone(),
            score: *score,
            calls: subject.calls,
            incidents: subject.incidents,
            first_ms: subject.first_ms,
            last_ms: subject.last_ms,
            reasons: weights(&forest, &points[*i], *score)
                .into_iter()
                .map(reason)
                .filter(Reason::is_visible)
                .collect(),
            standing: None,
        }
    };
    ranked.iter().take(top).map(explain).collect()
}

/// The features that would lower the score if they had the median, and by how much, the most
/// important first.
fn weights(forest: &Forest<COUNT>, point: &[f64; COUNT], score: f64) -> Vec<(usize, f64)> {
    let weight = |i: usize| {
        let mut ordinary = *point;
        ordinary[i] = 0.0;
        (i, score - forest.score(&ordinary))
    };
    let strange = (0..COUNT).filter(|i| point[*i] > 0.0);
    let mut weights: Vec<_> = strange.map(weight).filter(|(_, weight)| *weight >= NAMED).collect();
    weights.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    weights
}

/// What is ordinary in a feature: the median, and the median distance from it.
struct Scale {
    /// The median of the values that are written.
    written: f64,
    middle: f64,
    spread: f64,
}

impl Scale {
    fn of(feature: &Feature, subjects: &Subjects, site: &Site) -> Self {
        let values = subjects.iter().map(|(_, subject)| feature.scaled((feature.of)(subject, site)));
        let values: Vec<f64> = values.collect();
        let middle = median(values.clone());
        // 1.4826 makes the median distance comparable with a standard deviation.
        let distance = median(values.into_iter().map(|value| (value - middle).abs()).collect());
        let spread = (1.4826 * distance).max(feature.least_spread());
        let written = subjects.iter().map(|(_, subject)| (feature.written)(subject, site));
        Self { written: median(written.collect()), middle, spread }
    }

    /// How far `value` is on the strange side of the median. What is less than ordinary is not
    /// strange: nobody is an attacker because he makes few calls.
    fn strangeness(&self, feature: &Feature, value: f64) -> f64 {
        ((feature.scaled(value) - self.middle) / self.spread).clamp(0.0, FARTHEST)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::event::Event;
    use super::super::features::OF_ADDRESSES;
    use super::*;

    fn subject(failures: usize) -> Subject {
        let mut subject = Subject::default();
        for call in 0..30 {
            let status = Some(if call < failures { 401 } else { 200 });
            let event = Event { ms: call as i64 * 60_000, kind: "request", status, ..Event::default() };
            subject.add_of_address(&event, None, false);
        }
        subject
    }

    #[test]
    fn the_feature_that_differs_is_the_reason() {
        let all: Vec<Subject> = (0..60).map(|n| subject(if n == 17 { 28 } else { n % 3 })).collect();
        let named = |(n, it)| (Name::User(format!("{n:02}").into_bytes()), it);
        let named: Vec<(Name, &Subject)> = all.iter().enumerate().map(named).collect();
        let site = Site::new(&[90; 24], [false; 24], 1800, 80, 7_200_000);
        let found = strangest(&named, &OF_ADDRESSES, &site, 3, 1);
        assert_eq!(found[0].name, Name::User(b"17".to_vec()));
        assert!(found[0].score > found[1].score + 0.1);
        let reason = &found[0].reasons[0];
        assert_eq!(reason.feature.name, "failure_share");
        assert!((reason.value - 28.0 / 30.0).abs() < 1e-9 && reason.median < 0.1);
        for reason in found.iter().flat_map(|strange| &strange.reasons) {
            let words = |value| reason.feature.words_for(value);
            assert_ne!(words(reason.value), words(reason.median), "{}", reason.feature.name);
        }
        assert!(strangest(&named[..19], &OF_ADDRESSES, &site, 3, 1).is_empty());
    }

    #[test]
    fn what_is_written_like_the_median_is_no_reason() {
        let feature = &OF_ADDRESSES[9];
        let reason = |value, median| Reason { feature, value, median, weight: 0.1 };
        assert!(!reason(1.0, 1.0).is_visible() && !reason(0.997, 1.0).is_visible());
        assert!(reason(0.9, 1.0).is_visible());
    }
}
