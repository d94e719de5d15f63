//! Raises the alerts and records the audit events of guards, in the step that causes them.

use serde::Serialize;

use crate::alert::raise;
use crate::audit;
use crate::audit::entry::Fields;
use crate::server::call::Call;
use crate::text::escape::escaped_within;
use crate::text::time::{Span, Timestamp};

use super::bans::{Entry, Target};
use super::commands::subjects::Subjects;
use super::counters;
use super::incident::{Incident, What};
use super::local::Local;
use super::rule::Action;

pub(crate) const BAN: &str = "guard.ban";
pub(crate) const LIFT: &str = "guard.lift";
pub(crate) const ALLOW: &str = "guard.allow";
const ALERT: &str = "guard.alert";
const CHALLENGE: &str = "guard.challenge";
const PROXY: &str = "guard.proxy";
const BROKEN: &str = "guard.broken";
const ATTACK: &str = "guard.attack";
const CAPPED: &str = "guard.capped";
const FULL: &str = "guard.full";
const SUMMARY: &str = "guard.summary";
pub(crate) const LOST: &str = "guard.lost";

/// The longest part of a key, a user or a free key that is reported, in bytes.
const TEXT: usize = 256;
/// The time between two alerts about the state of a guard.
const STATE_COOLDOWN: Span = Span(3_600_000);
/// The time between two alerts about one proxy.
const PROXY_COOLDOWN: Span = Span(86_400_000);

#[derive(Serialize)]
struct Data<'a> {
    key: String,
    #[serde(flatten)]
    about: About,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    /// How many events the rule allows, and within which time.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strikes: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_place_of_ban: Option<&'static str>,
}

/// Whom it is about.
#[derive(Default, Serialize)]
struct About {
    /// What is banned or challenged, as LW.BANS shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free_key: Option<String>,
}

impl About {
    fn of(target: Option<Target>, subjects: &Subjects<'_>) -> Self {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| escaped_within(bytes, TEXT).into_owned());
        Self {
            subject: target.map(|target| target.to_string()),
            ip: subjects.ip.map(|ip| ip.to_string()),
            user: text(subjects.user),
            free_key: text(subjects.key),
        }
    }
}

/// Reports what a decision has caused. Returns whether an alert was raised.
pub(crate) fn incidents(
    call: &Call<'_>,
    incidents: &[Incident],
    subjects: &Subjects<'_>,
    local: &mut Local,
    now: Timestamp,
) -> bool {
    let mut alerted = false;
    for incident in incidents {
        counters::BANS.add(u64::from(incident.what == What::Ban));
        counters::BANS_RESTRAINED.add(u64::from(incident.in_place_of_ban.is_some()));
        alerted |= report(call, incident, subjects, local, now);
    }
    if let Some((count, since)) = local.summary(now) {
        let data = format!(
            r#"{{"key":{},"type":"{CHALLENGE}","count":{count},"from_ms":{}}}"#,
            quoted(call.key_and_args().0.bytes()),
            since.0
        );
        let fields = Fields { kind: Some(SUMMARY), limited: true, data: Some(&data), ..Fields::default() };
        audit::own::record(call, fields, now);
    }
    alerted
}

fn report(
    call: &Call<'_>,
    incident: &Incident,
    subjects: &Subjects<'_>,
    local: &mut Local,
    now: Timestamp,
) -> bool {
    let name = call.key_and_args().0.bytes();
    let data = data(name, incident, subjects);
    let raise = |kind| raise::own(call, now, kind, &data);
    let once = |kind, cooldown| {
        let place = incident.target.map(|target| target.to_string()).unwrap_or_default();
        let text = [name, b"\0", place.as_bytes()].concat();
        raise::own_unless_repeated(call, now, kind, &data, (&text, cooldown))
    };
    let (kind, alerted) = match incident.what {
        What::Alert => (ALERT, raise(ALERT)),
        What::Ban => (BAN, raise(BAN)),
        What::Challenge => {
            let alerted = incident.alerts && raise(CHALLENGE);
            if local.may_record(now) {
                record(call, CHALLENGE, subjects, &data, now);
            }
            return alerted;
        }
        What::Proxy => (PROXY, once(PROXY, PROXY_COOLDOWN)),
        What::Broken => (BROKEN, once(BROKEN, STATE_COOLDOWN)),
        What::Attack => (ATTACK, once(ATTACK, STATE_COOLDOWN)),
        What::Capped => (CAPPED, once(CAPPED, STATE_COOLDOWN)),
        What::Full => (FULL, once(FULL, STATE_COOLDOWN)),
    };
    if alerted || matches!(incident.what, What::Alert | What::Ban) {
        record(call, kind, subjects, &data, now);
    }
    alerted
}

fn data(name: &[u8], incident: &Incident, subjects: &Subjects<'_>) -> String {
    let rule = incident.rule.as_deref();
    let (count, window) = rule.map(|rule| rule.count.numbers()).unzip();
    let is_about_guard =
        matches!(incident.what, What::Broken | What::Attack | What::Capped | What::Full | What::Proxy);
    let about = if is_about_guard {
        About { subject: incident.target.map(|target| target.to_string()), ..About::default() }
    } else {
        About::of(incident.target, subjects)
    };
    let data = Data {
        key: escaped_within(name, TEXT).into_owned(),
        about,
        rule: rule.map(|rule| &*rule.name),
        count,
        window_ms: window.map(|window| window.0),
        action: rule.map(|rule| match (incident.what, rule.action) {
            (What::Challenge, _) if incident.denies => "deny",
            (What::Challenge, _) | (_, Action::Challenge { .. }) => "challenge",
            (_, Action::Alert) => "alert",
            (_, Action::Ban { .. }) => "ban",
        }),
        strikes: (incident.what == What::Ban).then_some(incident.strikes),
        until_ms: incident.until,
        in_place_of_ban: incident.in_place_of_ban.map(|why| why.name()),
    };
    // Serialising plain data to memory can't fail.
    serde_json::to_string(&data).unwrap_or_else(|_| "{}".to_owned())
}

fn record(call: &Call<'_>, kind: &'static str, subjects: &Subjects<'_>, data: &str, now: Timestamp) {
    let user = subjects.user.map(|user| escaped_within(user, audit::entry::USER));
    let limited = kind == CHALLENGE;
    let fields = Fields {
        kind: Some(kind),
        limited,
        anomaly: !limited,
        user: user.as_deref(),
        ip: subjects.ip,
        data: Some(data),
        ..Fields::default()
    };
    audit::own::record(call, fields, now);
}

#[derive(Serialize)]
struct ByOperator<'a> {
    key: String,
    #[serde(flatten)]
    about: About,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<Timestamp>,
    /// How many bans, challenges and allow entries were ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<u64>,
    reason: Option<&'a str>,
    by: Option<&'a str>,
    acl_user: Option<&'a str>,
}

/// What an operator did: an entry that was set, or the number of entries that LW.LIFT has ended.
pub(crate) enum Deed<'a> {
    Set(&'a Entry),
    Ended(u64, &'a Entry),
}

/// Reports what an operator did, in the step of the call.
pub(crate) fn by_operator(
    call: &Call<'_>,
    kind: &'static str,
    target: Option<String>,
    deed: Deed<'_>,
    subjects: &Subjects<'_>,
    now: Timestamp,
) {
    let (Deed::Set(entry) | Deed::Ended(_, entry)) = deed;
    let text = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let (reason, by, acl_user) = (text(&entry.reason), text(&entry.by), text(&entry.acl_user));
    let data = ByOperator {
        key: escaped_within(call.key_and_args().0.bytes(), TEXT).into_owned(),
        about: About { subject: target, ..About::of(None, subjects) },
        until_ms: matches!(deed, Deed::Set(_)).then_some(entry.until),
        ended: match deed {
            Deed::Ended(count, _) => Some(count),
            Deed::Set(_) => None,
        },
        reason: reason.as_deref(),
        by: by.as_deref(),
        acl_user: acl_user.as_deref(),
    };
    // Serialising plain data to memory can't fail.
    let data = serde_json::to_string(&data).unwrap_or_else(|_| "{}".to_owned());
    raise::own(call, now, kind, &data);
    record(call, kind, subjects, &data, now);
}

/// `bytes` as a JSON string.
fn quoted(bytes: &[u8]) -> String {
    serde_json::to_string(&*escaped_within(bytes, TEXT)).unwrap_or_else(|_| "\"\"".to_owned())
}
