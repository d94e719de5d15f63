//! The tables of all metrics that are made of single fields of INFO.

use crate::sampler::Sample;

use super::family::Family;
use super::metric::Metric;
use super::{deliveries, guards, limits, server, tokens};

/// All tables, in the order in which the metrics are shown.
const TABLES: &[&[Family]] = &[
    limits::FAMILIES,
    guards::FAMILIES,
    tokens::FAMILIES,
    deliveries::ALERTS,
    deliveries::AUDIT,
    server::FAMILIES,
];

pub fn all() -> impl Iterator<Item = &'static Family> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The metrics of all tables. A series whose field a server does not have is missing.
pub fn metrics(sample: &Sample) -> Vec<Metric> {
    all().map(|family| family.metric(sample)).collect()
}
