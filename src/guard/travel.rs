//! Impossible travel: a subject is seen at two places that are too far apart for the time between.
//!
//! No command counts it. The corpus of test cases has it, so that its rules are known when one does.

use crate::text::time::{Span, Timestamp};

/// The mean radius of the earth in kilometres, as the IUGG defines it.
const EARTH: f64 = 6_371.008_8;

/// A place on the earth, in millionths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    latitude: i32,
    longitude: i32,
}

impl Place {
    /// `None` for what is beyond 90 degrees of latitude or 180 degrees of longitude.
    pub(crate) fn new(latitude: i32, longitude: i32) -> Option<Self> {
        let exists = latitude.unsigned_abs() <= 90_000_000 && longitude.unsigned_abs() <= 180_000_000;
        exists.then_some(Self { latitude, longitude })
    }

    /// The kilometres between two places on a great circle, by the haversine formula.
    fn distance(self, other: Self) -> f64 {
        let radians = |micro: i32| (f64::from(micro) / 1e6).to_radians();
        let (here, there) = (radians(self.latitude), radians(other.latitude));
        let half_chord = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
        let across = half_chord(radians(self.longitude), radians(other.longitude));
        let square = half_chord(here, there) + here.cos() * there.cos() * across;
        2.0 * EARTH * square.sqrt().min(1.0).asin()
    }
}

/// Where and when a subject was last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Travel {
    last: Option<(Place, Timestamp)>,
}

impl Travel {
    /// The subject is seen at `place`. Returns whether that is more than `km` kilometres from where
    /// it was seen less than `idle` ago. If the clock has stepped back, no time has passed.
    pub(crate) fn arrive(&mut self, place: Place, now: Timestamp, km: u32, idle: Span) -> bool {
        let last = self.last.replace((place, now));
        last.is_some_and(|(from, when)| now - when < idle && from.distance(place) > f64::from(km))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Span = Span(3_600_000);

    fn place(latitude: f64, longitude: f64) -> Place {
        Place::new((latitude * 1e6) as i32, (longitude * 1e6) as i32).unwrap()
    }

    #[test]
    fn distances_are_those_of_a_sphere() {
        let (berlin, paris) = (place(52.516_667, 13.388_889), place(48.856_667, 2.351_944));
        let (pole, quarter) = (place(90.0, 12.0), 10_007.557);
        for (from, to, km) in [
            (berlin, paris, 876.33),
            (place(0.0, 179.999), place(0.0, -179.999), 0.222),
            (place(0.0, 0.0), place(0.0, 90.0), quarter),
            (pole, place(0.0, -70.0), quarter),
            (place(0.0, 0.0), place(0.0, 180.0), 2.0 * quarter),
            (pole, place(90.0, -120.0), 0.0),
        ] {
            let distance = from.distance(to);
            assert!((distance - km).abs() < 0.01, "{from:?} to {to:?}: {distance}");
        }
    }

    #[test]
    fn a_subject_that_is_soon_seen_far_away_has_travelled_impossibly() {
        let (sydney, perth) = (place(-33.868, 151.207), place(-31.952, 115.857));
        let mut travel = Travel::default();
        let mut arrive = |place, ms| travel.arrive(place, Timestamp(ms), 1_000, HOUR);
        assert!(!arrive(sydney, 10), "the first place");
        assert!(arrive(perth, 10 + HOUR.0 - 1));
        assert!(!arrive(perth, 10 + HOUR.0), "the same place");
        assert!(!arrive(sydney, 10 + 2 * HOUR.0), "after an hour");
        assert!(arrive(perth, 0), "the clock stepped back");
    }

    #[test]
    fn only_a_longer_distance_than_the_bound_counts() {
        let (one, other) = (place(0.0, 0.0), place(0.0, 90.0));
        for (km, expected) in [(10_007, true), (10_008, false), (u32::MAX, false)] {
            let mut travel = Travel::default();
            travel.arrive(one, Timestamp(0), km, HOUR);
            assert_eq!(travel.arrive(other, Timestamp(1), km, HOUR), expected, "{km}");
        }
    }

    #[test]
    fn a_place_that_does_not_exist_is_refused() {
        assert!(Place::new(90_000_000, -180_000_000).is_some());
        for (latitude, longitude) in [(90_000_001, 0), (0, 180_000_001), (i32::MIN, 0), (0, i32::MIN)] {
            assert_eq!(Place::new(latitude, longitude), None);
        }
    }

    proptest! {
        #[test]
        fn a_distance_is_symmetric_and_at_most_half_the_circumference(
            one in (-90_000_000..=90_000_000, -180_000_000..=180_000_000),
            other in (-90_000_000..=90_000_000, -180_000_000..=180_000_000),
        ) {
            let [one, other] = [one, other].map(|(at, along)| Place::new(at, along).unwrap());
            let (there, back) = (one.distance(other), other.distance(one));
            prop_assert!((there - back).abs() < 1e-6);
            prop_assert!((0.0..=std::f64::consts::PI * EARTH + 1e-6).contains(&there));
        }
    }
}
