//! Metrics with their series, and the two text formats in which Prometheus reads them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{self, Registry};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// A series whose labels are what matters. Its value is 1.
    Info,
}

/// The unit, which becomes part of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    Seconds,
    Bytes,
}

#[derive(Debug)]
pub struct Metric {
    /// Without the unit, and without the suffixes `_total` and `_info`.
    name: &'static str,
    help: &'static str,
    kind: Kind,
    unit: Unit,
    pub points: Vec<Point>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    labels: Vec<(&'static str, String)>,
    number: Number,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Whole(i64),
    Real(f64),
    /// `buckets` are upper bounds and how many observations lie between each and the one before.
    Histogram {
        sum: f64,
        count: u64,
        buckets: Vec<(f64, u64)>,
    },
}

impl Metric {
    pub const fn new(name: &'static str, help: &'static str, kind: Kind) -> Self {
        Self { name, help, kind, unit: Unit::None, points: Vec::new() }
    }

    pub fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (kind, unit) = (self.kind.into(), self.unit.of_registry());
        let mut series = encoder.encode_descriptor(self.name, self.help, unit.as_ref(), kind)?;
        self.points.iter().try_for_each(|point| point.encode(self.kind, &mut series))
    }
}

impl Point {
    pub fn of(node: &str, number: Number) -> Self {
        Self { labels: vec![("node", node.to_owned())], number }
    }

    /// A series that belongs to no node.
    pub fn of_all(number: Number) -> Self {
        Self { labels: Vec::new(), number }
    }

    pub fn with(mut self, labels: &[(&'static str, impl AsRef<str>)]) -> Self {
        self.labels.extend(labels.iter().map(|(name, value)| (*name, value.as_ref().to_owned())));
        self
    }

    fn encode(&self, kind: Kind, series: &mut MetricEncoder<'_>) -> fmt::Result {
        if kind == Kind::Info {
            return series.encode_info(&self.labels);
        }
        let mut encoder = series.encode_family(&self.labels)?;
        match (&self.number, kind) {
            (Number::Histogram { sum, count, buckets }, _) => {
                encoder.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
            (Number::Whole(number), Kind::Counter) => {
                encoder.encode_counter::<NoLabelSet, u64, f64>(&number.unsigned_abs(), None)
            }
            (Number::Real(number), Kind::Counter) => {
                encoder.encode_counter::<NoLabelSet, f64, f64>(number, None)
            }
            (Number::Whole(number), _) => encoder.encode_gauge(number),
            (Number::Real(number), _) => encoder.encode_gauge(number),
        }
    }
}

impl Unit {
    fn of_registry(self) -> Option<registry::Unit> {
        match self {
            Self::None => None,
            Self::Seconds => Some(registry::Unit::Seconds),
            Self::Bytes => Some(registry::Unit::Bytes),
        }
    }
}

impl From<Kind> for MetricType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Histogram => Self::Histogram,
            Kind::Info => Self::Info,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Writes those metrics that have series.
    pub fn write(self, metrics: Vec<Metric>) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Metrics(metrics)));
        let mut out = String::new();
        match self {
            Self::Prometheus => prometheus_text::encode(&mut out, &registry)?,
            Self::OpenMetrics => text::encode(&mut out, &registry)?,
        }
        Ok(out)
    }
}

#[derive(Debug)]
struct Metrics(Vec<Metric>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shown = self.0.iter().filter(|metric| !metric.points.is_empty());
        shown.into_iter().try_for_each(|metric| metric.encode(&mut encoder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Metric> {
        let mut calls = Metric::new("calls", "Calls.", Kind::Counter);
        calls.points.push(Point::of("a:1", Number::Whole(7)).with(&[("policy", "a\"b\\c\nd")]));
        let mut took = Metric::new("took", "Durations.", Kind::Histogram).in_unit(Unit::Seconds);
        let buckets = vec![(0.001, 2), (f64::INFINITY, 1)];
        took.points.push(Point::of("a:1", Number::Histogram { sum: 1.5, count: 3, buckets }));
        let mut info = Metric::new("program", "Versions.", Kind::Info);
        info.points.push(Point::of_all(Number::Whole(1)).with(&[("version", "1")]));
        vec![calls, took, info, Metric::new("empty", "Nothing.", Kind::Gauge)]
    }

    #[test]
    fn both_formats_hold_the_same_series() {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let text = format.write(some()).unwrap();
            for wanted in [
                "calls_total{node=\"a:1\",policy=\"a\\\"b\\\\c\\nd\"} 7\n",
                "took_seconds_sum{node=\"a:1\"} 1.5\n",
                "took_seconds_count{node=\"a:1\"} 3\n",
                "program_info{version=\"1\"} 1\n",
            ] {
                assert!(text.contains(wanted), "{format:?}: {wanted}\n{text}");
            }
            for (bound, count) in [("le=\"0.001\"", "2"), ("le=\"+Inf\"", "3")] {
                let bucket = text.lines().find(|line| line.contains(bound)).unwrap();
                assert!(bucket.starts_with("took_seconds_bucket{") && bucket.ends_with(count), "{bucket}");
            }
            assert!(!text.contains("empty"), "{text}");
        }
    }

    #[test]
    fn each_format_declares_a_counter_and_ends_in_its_own_way() {
        let prometheus = Format::Prometheus.write(some()).unwrap();
        assert!(prometheus.contains("# TYPE calls_total counter\n") && !prometheus.contains("# EOF"));
        let open = Format::OpenMetrics.write(some()).unwrap();
        assert!(open.contains("# TYPE calls counter\n") && open.ends_with("# EOF\n"));
    }
}
