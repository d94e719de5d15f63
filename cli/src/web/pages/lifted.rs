//! Who lifted bans of a subject, as far as the newest alerts tell.

use super::alerts::{data_of, told};
use super::words::{When, shown};
use crate::facts::alerts::Alert;
use crate::facts::why::Why;

/// The newest lift that concerned the subject of `why`, in a sentence.
pub fn lifted(alerts: &[Alert], guard: &[u8], why: &Why, now_ms: i64) -> Option<String> {
    let guard = shown(guard);
    let concerns = |alert: &&Alert| {
        let data = data_of(alert);
        let subject = data["subject"].as_str().unwrap_or_default();
        let is_same = why.subject.as_deref() == Some(subject);
        let has_hash = why.hash.as_deref().is_some_and(|hash| subject.contains(hash));
        alert.event == "guard.lift"
            && data["key"].as_str().map(shown) == Some(guard.clone())
            && (is_same || has_hash)
    };
    let alert = alerts.iter().find(concerns)?;
    Some(format!("{}, {}.", told(alert).text, When::of(alert.timestamp_ms, now_ms).relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lift_of_the_subject_is_told() {
        let alert = |subject: &str, by: &str| Alert {
            node: "a:1".into(),
            id: "1-2-3".into(),
            event: "guard.lift".into(),
            timestamp_ms: 60_000,
            waiting: false,
            dead: 0,
            body: format!(r#"{{"data":{{"key":"login","subject":"{subject}","ended":1,"by":"{by}"}}}}"#),
        };
        let alerts = [
            alert("198.51.100.1", "max"),
            alert("203.0.113.9", "dora"),
            alert("user 0123456789abcdef", "eve"),
        ];
        let why = |subject: &str, hash: Option<&str>| Why {
            subject: Some(subject.into()),
            hash: hash.map(str::to_owned),
            verdict: "allow".into(),
            rule: None,
            retry_after_ms: 0,
            would: "allow".into(),
            known_networks: 0,
            known_devices: 0,
            entries: Vec::new(),
            challenges: Vec::new(),
            counts: Vec::new(),
        };
        let of = |guard: &[u8], why: &Why| lifted(&alerts, guard, why, 180_000);
        assert_eq!(
            of(b"login", &why("203.0.113.9", None)).as_deref(),
            Some("dora lifted 1 ban or challenge of 203.0.113.9 in login, 2 min ago.")
        );
        let pair = why("user 0123456789abcdef at 192.0.2.1", Some("0123456789abcdef"));
        assert!(of(b"login", &pair).is_some_and(|text| text.starts_with("eve lifted")));
        assert_eq!(of(b"other", &pair), None);
        assert_eq!(of(b"login", &why("192.0.2.7", None)), None);
    }
}
