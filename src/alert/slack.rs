//! An alert as a line of text, for Slack's incoming webhooks:
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.

use serde::Deserialize;
use serde_json::Value;

/// The maximum length of the shown `data`, in characters.
const DATA_CHARS: usize = 1000;

#[derive(Deserialize)]
struct Body {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: Value,
    data: Value,
}

/// Makes the body of the request to Slack from the body of an alert.
pub(super) fn body(alert: &str) -> String {
    let text = match serde_json::from_str::<Body>(alert) {
        Ok(body) => {
            let data = cut(&data(&body.data));
            format!("*{}* {} ({}, {})", escaped(&body.kind), escaped(&data), shown(&body.timestamp), body.id)
        }
        // An alert whose data is nested too deeply for the parser is sent as well.
        Err(_) => escaped(&cut(alert)),
    };
    serde_json::json!({ "text": text }).to_string()
}

fn data(data: &Value) -> String {
    match data {
        Value::Object(members) => {
            let shown: Vec<_> =
                members.iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect();
            shown.join(", ")
        }
        other => shown(other),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(DATA_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Escapes the markup of links and mentions, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ if char.is_control() => escaped.push(' '),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(alert: &str) -> String {
        let body: Value = serde_json::from_str(&body(alert)).unwrap();
        body["text"].as_str().unwrap().to_owned()
    }

    fn alert(data: &str) -> String {
        format!(r#"{{"id":"1-0-1","type":"burst","timestamp":"2026-01-01T00:00:00.000Z","data":{data}}}"#)
    }

    #[test]
    fn the_data_is_shown_member_by_member() {
        assert_eq!(
            text(&alert(r#"{"ip":"1.2.3.4","request_count_in_window":120,"agent":null}"#)),
            "*burst* agent: null, ip: 1.2.3.4, request_count_in_window: 120 (2026-01-01T00:00:00.000Z, 1-0-1)"
        );
        assert!(text(&alert("[1,2]")).starts_with("*burst* [1,2] ("));
        assert!(text(&alert(r#""word""#)).starts_with("*burst* word ("));
    }

    #[test]
    fn hostile_data_mentions_nobody_and_stays_on_a_line() {
        let text = text(&alert(r#"{"agent":"<!channel> & <https://a|b>\r\nx\u0000"}"#));
        assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://a|b&gt;  x "), "{text}");
    }

    #[test]
    fn much_data_is_cut() {
        let text = text(&alert(&format!(r#"{{"agent":"{}"}}"#, "\u{e9}".repeat(60_000))));
        assert!(text.contains("...") && text.chars().count() < 1200);
    }

    #[test]
    fn data_too_deep_to_read_is_still_an_alert() {
        let deep = alert(&format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)));
        assert!(text(&deep).starts_with(r#"{"id":"1-0-1""#));
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_body(alert: String) {
            prop_assert!(!text(&alert).contains(['<', '>', '\n']));
        }
    }
}
