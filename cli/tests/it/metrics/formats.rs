//! The two text formats, the paths, and `--once`.

use std::collections::BTreeSet;

use lockwatch_test_support::Server;

use super::running::{Metrics, Running};
use crate::program::{run, text};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

#[test]
fn a_scraper_gets_the_format_that_it_asks_for() {
    let server = Server::start();
    let running = Running::of(&server.url(), &[]);
    let ask = |accept: &str| {
        running.ask(&format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"))
    };
    let open = ask("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assert_eq!(open.headers["content-type"], OPEN_METRICS);
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);
    assert!(open.body.contains("# UNIT lockwatch_audit_lag_seconds seconds\n"), "{}", open.body);
    for accept in ["text/plain", "*/*", "text/html;q=0.9", ""] {
        let plain = ask(accept);
        assert_eq!(plain.headers["content-type"], PROMETHEUS, "{accept}");
        assert!(!plain.body.contains("# EOF") && plain.body.contains("# TYPE lockwatch_info gauge\n"));
    }
}

#[test]
fn both_formats_hold_the_same_numbers() {
    let server = Server::start();
    let both = [&["metrics", "--once"][..], &["metrics", "--once", "--openmetrics"]].map(|args| {
        let url = server.url();
        let output = run(args.iter().copied().chain(["--redis", &url]));
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
        Metrics::of(&text(&output.stdout))
    });
    let [prometheus, open] = both.map(|metrics| steady(&metrics));
    assert_eq!(prometheus.symmetric_difference(&open).collect::<Vec<_>>(), [""; 0]);
    assert!(open.len() > 100);
}

/// The series whose numbers do not change with time. The formats write the labels in different
/// orders, and `le="1"` or `le="1.0"`.
fn steady(metrics: &Metrics) -> BTreeSet<String> {
    let of_time = ["lockwatch_scrape_duration_seconds", "lockwatch_server_"];
    let names = metrics.names().filter(|(name, _, _)| !of_time.iter().any(|it| name.starts_with(it)));
    let text = |(name, labels, number): (&str, &str, f64)| {
        let labels: BTreeSet<String> =
            labels.trim_end_matches('}').split(',').map(|label| label.replace(".0\"", "\"")).collect();
        format!("{name} {labels:?} {number}")
    };
    names.map(text).collect()
}

#[test]
fn once_fails_if_no_server_answers() {
    let mut server = Server::start();
    server.kill();
    let output = run(["metrics", "--once", "--redis", &server.url()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).starts_with("lockwatch: "), "{}", text(&output.stderr));
}

#[test]
fn only_the_metrics_and_the_health_are_served_and_only_for_reading() {
    let server = Server::start();
    let running = Running::of(&server.url(), &[]);
    assert_eq!((running.get("/healthz").status, running.get("/healthz").body), (200, "ok\n".to_owned()));
    assert!(running.get("/").body.contains("/metrics"));
    for path in ["/nothing", "/metrics/x", "/../etc/passwd", "/METRICS"] {
        assert_eq!(running.get(path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(running.ask(&request).status, 405, "{method}");
    }
    let head = running.ask("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.headers["content-type"], PROMETHEUS);
}

#[test]
fn a_signal_ends_it_with_0() {
    let server = Server::start();
    for signal in ["TERM", "INT"] {
        let running = Running::of(&server.url(), &[]);
        running.scrape();
        let status = running.stop(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Server::start();
    let taken = server.address().to_string();
    let output = run(["metrics", "--listen", &taken, "--redis", &server.url()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains(&format!("can't listen at {taken}")), "{}", text(&output.stderr));
}
