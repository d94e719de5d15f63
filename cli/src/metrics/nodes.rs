//! What the program itself knows of each server: whether it answered, its version and its role.

use std::fmt::Write;

use crate::connect::fleet::Kind as Deployment;
use crate::info::Info;
use crate::sampler::{NodeSample, Sample};

use super::answers::answers;
use super::known;
use super::metric::{Kind, Metric, Number, Point, Unit};

/// `absent` are servers that were there and are gone.
pub fn metrics(sample: &Sample, absent: &[String]) -> Vec<Metric> {
    let mut discovery = Metric::new(
        "lockwatch_discovery_up",
        "0 if the list of servers could not be read the last time, else 1",
        Kind::Gauge,
    );
    discovery.points.push(Point::of_all(Number::Whole(sample.failure.is_none().into())));
    let mut up = Metric::new("lockwatch_up", "1 if the server answered in time, else 0", Kind::Gauge);
    let all = sample.nodes.iter().map(|node| (&node.name, node.info.is_ok()));
    let all = all.chain(absent.iter().map(|name| (name, false)));
    up.points = all.map(|(name, answers)| Point::of(name, Number::Whole(answers.into()))).collect();
    let mut took = Metric::new(
        "lockwatch_scrape_duration",
        "How long the server took to answer INFO, the network included",
        Kind::Gauge,
    )
    .in_unit(Unit::Seconds);
    took.points = each(sample, |node, _| Some(Number::Real(node.elapsed.as_secs_f64())));
    let mut loaded =
        Metric::new("lockwatch_module_loaded", "1 if the server has the module, else 0", Kind::Gauge);
    loaded.points = each(sample, |_, info| Some(Number::Whole(info.has_module().into())));
    let mut unknown = Metric::new(
        "lockwatch_unknown_fields",
        "Fields of the module in INFO that this version of the program does not know",
        Kind::Gauge,
    );
    unknown.points = each(sample, |_, info| {
        info.has_module()
            .then(|| Number::Whole(i64::try_from(known::unknown(info).len()).unwrap_or(i64::MAX)))
    });
    vec![discovery, up, took, loaded, versions(sample), roles(sample), unknown]
}

fn each(sample: &Sample, number: impl Fn(&NodeSample, &Info) -> Option<Number>) -> Vec<Point> {
    let points = answers(sample).filter_map(|(node, info)| Some(Point::of(&node.name, number(node, info)?)));
    points.collect()
}

fn versions(sample: &Sample) -> Metric {
    let mut versions = Metric::new("lockwatch", "The versions of the module and of the server", Kind::Info);
    for (node, info) in answers(sample) {
        let Some(version) = info.text("lockwatch_version") else { continue };
        let (server, server_version) = server_of(info);
        let labels = [("version", version), ("server", server), ("server_version", server_version)];
        versions.points.push(Point::of(&node.name, Number::Whole(1)).with(&labels));
    }
    versions
}

fn server_of(info: &Info) -> (&'static str, &str) {
    match info.text("valkey_version") {
        Some(version) => ("valkey", version),
        None => ("redis", info.text("redis_version").unwrap_or_default()),
    }
}

fn roles(sample: &Sample) -> Metric {
    let mut roles = Metric::new("lockwatch_role", "1 for the role that the server has, else 0", Kind::Gauge);
    for (node, _) in answers(sample) {
        for (role, has) in [("primary", node.is_primary()), ("replica", !node.is_primary())] {
            roles.points.push(Point::of(&node.name, Number::Whole(has.into())).with(&[("role", role)]));
        }
    }
    roles
}

/// Which servers a sample has, in one line for the log.
pub fn summary(sample: &Sample) -> String {
    let kind = match sample.kind {
        Deployment::Standalone => "one primary and its replicas",
        Deployment::Sentinel => "servers that a Sentinel watches",
        Deployment::Cluster => "a cluster",
    };
    let mut line = kind.to_owned();
    for node in &sample.nodes {
        let role = if node.is_primary() { "primary" } else { "replica" };
        let _ = write!(line, ", {} ({role})", node.name);
    }
    line
}
