//! The `data` of a burst alert.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::text::escape::escaped;
use crate::text::time::Span;

use super::decision::{Alert, Verdict, Watch};
use super::request::Context;

/// The longest part of each text that an alert repeats, in bytes.
const KEY: usize = 256;
const ENDPOINT: usize = 1024;
const AGENT: usize = 512;

#[derive(Serialize)]
struct Data<'a> {
    key: String,
    ip: Option<IpAddr>,
    request_count_in_window: u64,
    #[serde(serialize_with = "seconds")]
    window_seconds: Span,
    threshold: u64,
    endpoint: Option<String>,
    method: Option<&'a str>,
    user_agent: Option<String>,
    ongoing: bool,
    suppressed: u32,
}

/// Writes whole seconds as an integer, others with decimals.
fn seconds<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    if span.0 % 1000 == 0 {
        serializer.serialize_u64(span.0 / 1000)
    } else {
        serializer.serialize_f64(span.0 as f64 / 1000.0)
    }
}

/// The data of an alert on `key`. Texts are escaped and truncated.
pub(super) fn json(
    key: &[u8],
    watch: &Watch,
    context: &Context<'_>,
    verdict: &Verdict,
    alert: Alert,
) -> String {
    let data = Data {
        key: escaped(key, KEY),
        ip: context.ip,
        request_count_in_window: verdict.count,
        window_seconds: watch.window,
        threshold: watch.threshold,
        endpoint: context.endpoint.map(|endpoint| escaped(endpoint, ENDPOINT)),
        method: context.method,
        user_agent: context.agent.map(|agent| escaped(agent, AGENT)),
        ongoing: alert.ongoing,
        suppressed: alert.suppressed,
    };
    // Serialisation to memory fails only for maps whose keys are no strings.
    serde_json::to_string(&data).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCH: Watch = Watch { threshold: 100, window: Span(60_000), cooldown: Span(30_000) };
    const VERDICT: Verdict = Verdict { count: 100, burst: true, alert: None };
    const ALERT: Alert = Alert { ongoing: false, suppressed: 0 };

    #[test]
    fn an_alert_tells_all_that_the_call_told() {
        let context = Context {
            ip: Some("2001:db8::1".parse().unwrap()),
            endpoint: Some(b"/login?a=\"b\""),
            method: Some("POST"),
            agent: Some(b"curl/8"),
        };
        let alert = Alert { ongoing: true, suppressed: 7 };
        assert_eq!(
            json(b"user:42", &WATCH, &context, &VERDICT, alert),
            r#"{"key":"user:42","ip":"2001:db8::1","request_count_in_window":100,"window_seconds":60,"threshold":100,"endpoint":"/login?a=\"b\"","method":"POST","user_agent":"curl/8","ongoing":true,"suppressed":7}"#
        );
    }

    #[test]
    fn what_the_call_did_not_tell_is_null() {
        assert_eq!(
            json(b"k", &WATCH, &Context::default(), &VERDICT, ALERT),
            r#"{"key":"k","ip":null,"request_count_in_window":100,"window_seconds":60,"threshold":100,"endpoint":null,"method":null,"user_agent":null,"ongoing":false,"suppressed":0}"#
        );
    }

    #[test]
    fn a_window_of_part_of_a_second_has_decimals() {
        for (ms, seconds) in [(250, "0.25"), (1, "0.001"), (1500, "1.5"), (Span::MAX.0 - 1, "315359999.999")]
        {
            let watch = Watch { window: Span(ms), ..WATCH };
            let data = json(b"k", &watch, &Context::default(), &VERDICT, ALERT);
            assert!(data.contains(&format!("\"window_seconds\":{seconds},")), "{data}");
        }
    }

    #[test]
    fn hostile_texts_are_escaped_and_cut() {
        let long = vec![0xff; 1 << 20];
        let context = Context { endpoint: Some(&long), agent: Some(b"a\0\r\n\\"), ..Context::default() };
        let data = json(&long, &WATCH, &context, &VERDICT, ALERT);
        assert!(data.len() < 8 * 1024, "{} bytes", data.len());
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(data["user_agent"], r"a\x00\x0d\x0a\x5c");
        let ending = [r"\xff", "…"].concat();
        assert!(data["key"].as_str().unwrap().ends_with(&ending), "{data}");
        assert!(data["endpoint"].as_str().unwrap().ends_with(&ending), "{data}");
    }
}
