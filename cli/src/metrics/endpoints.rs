//! The webhook endpoints, each with its line in INFO.

use crate::info::Info;
use crate::sampler::Sample;

use super::answers::answers;
use super::lists::{Members, number};
use super::metric::{Kind, Metric, Number, Point, Unit};

pub const FIELD: &str = "lockwatch_alert_endpoint_";

pub fn metrics(sample: &Sample) -> Vec<Metric> {
    OF_ENDPOINTS.iter().map(|of| of.metric(sample)).collect()
}

/// A metric of an endpoint.
struct OfEndpoint {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    /// The member of its line; empty for the state, which is a field of its own.
    member: &'static str,
}

const OF_ENDPOINTS: &[OfEndpoint] = &[
    OfEndpoint {
        name: "lockwatch_alert_endpoint_state",
        help: "A webhook endpoint: 0 ok, 1 idle, 2 held, 3 failing, 4 open, 5 disabled",
        kind: Kind::Gauge,
        member: "",
    },
    OfEndpoint {
        name: "lockwatch_alert_endpoint_pending",
        help: "Alerts that wait for the endpoint",
        kind: Kind::Gauge,
        member: "pending",
    },
    OfEndpoint {
        name: "lockwatch_alert_endpoint_delivered",
        help: "Alerts that the endpoint has taken",
        kind: Kind::Counter,
        member: "delivered",
    },
    OfEndpoint {
        name: "lockwatch_alert_endpoint_failed",
        help: "Tries that failed",
        kind: Kind::Counter,
        member: "failed",
    },
    OfEndpoint {
        name: "lockwatch_alert_endpoint_last_status",
        help: "The HTTP status of the last answer; 0 if there was none",
        kind: Kind::Gauge,
        member: "last_status",
    },
    OfEndpoint {
        name: "lockwatch_alert_endpoint_last_error_timestamp",
        help: "When a try failed last, in Unix time",
        kind: Kind::Gauge,
        member: "last_error_ms",
    },
];

impl OfEndpoint {
    fn number(&self, info: &Info, i: usize, members: &Members<'_>) -> Option<Number> {
        match self.member {
            "" => info.number(&format!("{FIELD}{i}_state_number")).map(Number::Whole),
            // 0 means never.
            "last_error_ms" => {
                number(members, self.member).filter(|at| *at > 0).map(|at| Number::Real(at as f64 / 1000.0))
            }
            member => number(members, member).map(Number::Whole),
        }
    }

    fn metric(&self, sample: &Sample) -> Metric {
        let unit = if self.member == "last_error_ms" { Unit::Seconds } else { Unit::None };
        let mut metric = Metric::new(self.name, self.help, self.kind).in_unit(unit);
        for (node, info) in answers(sample) {
            for (i, members) in info.endpoints().iter().enumerate() {
                let Some(number) = self.number(info, i, members) else { continue };
                // Two endpoints of one host differ in the place where they are listed.
                let place = i.to_string();
                let source = members.get("source").map_or(place.as_str(), |source| *source);
                let endpoint = without_secrets(members.get("url").copied().unwrap_or_default());
                let point = Point::of(&node.name, number);
                metric.points.push(point.with(&[("endpoint", endpoint), ("source", source)]));
            }
        }
        metric
    }
}

/// The scheme, host and port of a URL. INFO shows no more; this is a second line of defence.
fn without_secrets(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return "" };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') { "" } else { &url[..scheme.len() + 3 + authority.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_its_scheme_host_and_port() {
        for (url, shown) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://a.example/services/T0/SECRET", "https://a.example"),
            ("https://a.example?token=SECRET", "https://a.example"),
            ("https://user:SECRET@a.example/", ""),
            ("SECRET", ""),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
