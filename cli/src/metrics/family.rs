//! A metric that is made of single fields of INFO.

use crate::info::Info;
use crate::sampler::Sample;

use super::answers::answers;
use super::metric::{Kind, Metric, Number, Point, Unit};

/// A metric with a series for each [`Series`] of each node.
pub struct Family {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub series: &'static [Series],
}

pub struct Series {
    pub labels: &'static [(&'static str, &'static str)],
    pub value: Value,
}

/// Where the number of a series comes from. A field whose name ends in `_ms` holds milliseconds,
/// and becomes seconds.
pub enum Value {
    Field(&'static str),
    /// The first field less the others.
    Less(&'static str, &'static [&'static str]),
    /// 1 if the field has this text, else 0.
    Is(&'static str, &'static str),
    /// A point in time. The series is missing while the field is 0, which means never.
    Time(&'static str),
}

impl Family {
    pub const fn counter(name: &'static str, help: &'static str, series: &'static [Series]) -> Self {
        Self { name, help, kind: Kind::Counter, unit: Unit::None, series }
    }

    pub const fn gauge(name: &'static str, help: &'static str, series: &'static [Series]) -> Self {
        Self { name, help, kind: Kind::Gauge, unit: Unit::None, series }
    }

    pub const fn in_unit(self, unit: Unit) -> Self {
        let Self { name, help, kind, unit: _, series } = self;
        Self { name, help, kind, unit, series }
    }

    pub fn metric(&self, sample: &Sample) -> Metric {
        let mut metric = Metric::new(self.name, self.help, self.kind).in_unit(self.unit);
        for (node, info) in answers(sample) {
            for series in self.series {
                if let Some(number) = series.value.read(info) {
                    metric.points.push(Point::of(&node.name, number).with(series.labels));
                }
            }
        }
        metric
    }
}

/// The only series of a node.
pub const fn one(field: &'static str) -> Series {
    Series { labels: &[], value: Value::Field(field) }
}

pub const fn of(labels: &'static [(&'static str, &'static str)], value: Value) -> Series {
    Series { labels, value }
}

impl Value {
    fn read(&self, info: &Info) -> Option<Number> {
        match self {
            Self::Field(name) => field(info, name),
            Self::Time(name) => field(info, name).filter(|number| *number != Number::Real(0.0)),
            Self::Is(name, text) => Some(Number::Whole((info.text(name)? == *text).into())),
            Self::Less(name, others) => {
                let mut rest = info.number(name)?;
                for other in *others {
                    rest = rest.saturating_sub(info.number(other)?);
                }
                Some(Number::Whole(rest.max(0)))
            }
        }
    }

    /// The fields that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        let (first, others): (&'static str, &'static [&'static str]) = match *self {
            Self::Field(name) | Self::Is(name, _) | Self::Time(name) => (name, &[]),
            Self::Less(name, others) => (name, others),
        };
        std::iter::once(first).chain(others.iter().copied())
    }
}

fn field(info: &Info, name: &str) -> Option<Number> {
    let number = info.number(name)?;
    Some(if name.ends_with("_ms") { Number::Real(number as f64 / 1000.0) } else { Number::Whole(number) })
}
