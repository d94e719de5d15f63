//! Alerts in words.

use serde_json::Value;

use super::query::link;
use super::words::{count, duration, number, shown};
use crate::facts::alerts::Alert;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    /// Worth a look.
    Note,
    Warning,
    Bad,
}

impl Level {
    /// The class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Fine => "good",
            Self::Note => "soft",
            Self::Warning => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What alerts have in common that are told as one: their type, key and rule.
pub fn group(alert: &Alert) -> (String, String, String) {
    let data = Data(data_of(alert));
    let text = |name: &str| data.raw(name).unwrap_or_default().to_owned();
    (alert.event.clone(), text("key"), text("rule"))
}

/// What an alert says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub text: String,
    pub level: Level,
    /// Where to read on.
    pub link: Option<String>,
}

/// The members of an alert's data, as text that is safe to show.
struct Data(Value);

impl Data {
    fn text(&self, name: &str) -> Option<String> {
        match &self.0[name] {
            Value::Null => None,
            Value::String(text) => Some(shown(text)),
            other => Some(shown(other.to_string())),
        }
    }

    /// Like [`Self::text`], for a member that is always there in alerts of the module.
    fn named(&self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| "?".into())
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.0[name].as_str()
    }

    /// The name of a key for a link.
    fn named_key(&self) -> String {
        self.raw("key").map(shown).unwrap_or_default()
    }

    fn int(&self, name: &str) -> i64 {
        self.0[name].as_i64().unwrap_or_default()
    }

    /// The subject of a guard's alert. A user or key is named where the alert has the name beside
    /// the hash.
    fn subject(&self) -> String {
        let subject = self.named("subject");
        let named = |kind: &str, member: &str| {
            let hash = subject.strip_prefix(kind)?;
            let place = hash.split_once(' ').map(|(_, place)| format!(" {place}")).unwrap_or_default();
            Some(format!("{kind}{}{place}", self.text(member)?))
        };
        named("user ", "user").or_else(|| named("key ", "free_key")).unwrap_or(subject)
    }

    /// `: ` and the reason that an operator gave, if one did.
    fn reason(&self) -> String {
        self.text("reason").map(|reason| format!(": {reason}")).unwrap_or_default()
    }

    /// Who did it: the name given by BY, else the ACL user.
    fn operator(&self) -> String {
        self.text("by").or_else(|| self.text("acl_user")).unwrap_or_else(|| "An operator".into())
    }
}

/// The data of an alert's body. Null if the body can't be read.
pub fn data_of(alert: &Alert) -> Value {
    let body: Value = serde_json::from_str(&alert.body).unwrap_or_default();
    body.get("data").cloned().unwrap_or_default()
}

/// What `alert` says.
pub fn told(alert: &Alert) -> Told {
    let data = Data(data_of(alert));
    let (text, level) = match alert.event.as_str() {
        "burst" => (burst(&data), Level::Warning),
        "lockwatch.test" => ("A test of the alerts".into(), Level::Note),
        event if event.starts_with("guard.") && !event.ends_with(".summary") => guard(event, &data),
        event if event.starts_with("token.") && !event.ends_with(".summary") => token(event, &data),
        "audit.lag" | "audit.refused" | "audit.dead" => (audit(&alert.event, &data), Level::Bad),
        event if event.ends_with(".summary") => (summary(&data), Level::Note),
        _ => (other(&data), Level::Note),
    };
    Told { text, level, link: link_of(&alert.event, &data) }
}

fn burst(data: &Data) -> String {
    let who = data.text("ip").unwrap_or_else(|| data.named("key"));
    let calls = count(data.int("request_count_in_window"), "call", "calls");
    let window_ms = (data.0["window_seconds"].as_f64().unwrap_or_default() * 1000.0) as i64;
    let target = [data.text("method"), data.text("endpoint")].into_iter().flatten().collect::<Vec<_>>();
    let target = if target.is_empty() { String::new() } else { format!(" of {}", target.join(" ")) };
    let threshold = number(data.int("threshold"));
    let more = if data.0["ongoing"] == Value::Bool(true) { ", and it goes on" } else { "" };
    format!("{who} made {calls}{target} in {}; {threshold} are a burst{more}", duration(window_ms))
}

fn guard(event: &str, data: &Data) -> (String, Level) {
    let (guard, subject) = (data.named("key"), data.subject());
    let is_rule = data.text("rule").is_some();
    let rule = data.named("rule");
    let text = match event {
        "guard.ban" if is_rule => {
            format!("{subject} is banned from {guard} by the rule {rule}")
        }
        "guard.ban" => format!("{} banned {subject} from {guard}{}", data.operator(), data.reason()),
        "guard.lift" => {
            let ended = count(data.int("ended"), "ban or challenge", "bans and challenges");
            format!("{} lifted {ended} of {subject} in {guard}", data.operator())
        }
        "guard.allow" => format!("{} allowed {subject} in {guard}{}", data.operator(), data.reason()),
        "guard.challenge" => {
            format!("{subject} is challenged at {guard} by the rule {rule}")
        }
        "guard.alert" => format!("The rule {rule} of {guard} fired for {subject}"),
        "guard.attack" => {
            format!("{guard} is under attack: many more failures than usual, while people still log in")
        }
        "guard.broken" => format!(
            "{guard} seems broken: as many people as usual try, and few succeed. New bans are challenges only"
        ),
        "guard.capped" => {
            format!("{guard} would ban more than 60 networks a minute. New bans are challenges only")
        }
        "guard.full" => format!("{guard} has no room for another ban. New bans are challenges only"),
        "guard.proxy" => {
            format!("Most calls of {guard} come from {subject}: is the client's address passed on?")
        }
        "guard.lost" => format!(
            "{guard} was deleted, with {} and {}",
            count(data.int("bans"), "ban", "bans"),
            count(data.int("subjects"), "subject", "subjects")
        ),
        _ => other(data),
    };
    let level = match event {
        "guard.lift" | "guard.allow" => Level::Note,
        "guard.ban" if !is_rule => Level::Note,
        "guard.alert" | "guard.challenge" | "guard.proxy" => Level::Warning,
        _ => Level::Bad,
    };
    (text, level)
}

fn token(event: &str, data: &Data) -> (String, Level) {
    let subject = data.named("subject");
    match event {
        "token.reuse" => (
            format!(
                "A used refresh token of {subject} came again: it was stolen, or a client has a bug. The session was ended"
            ),
            Level::Bad,
        ),
        "token.forgery" => {
            (format!("A refresh token of {subject} was forged: somebody knows the secret"), Level::Bad)
        }
        "token.rollback" => {
            (format!("A refresh token of {subject} from a lost write was accepted"), Level::Warning)
        }
        _ => (other(data), Level::Note),
    }
}

fn audit(event: &str, data: &Data) -> String {
    let why = data.text("last_error").filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    match event {
        "audit.lag" => format!("The audit log is {} behind{why}", duration(data.int("lag_ms"))),
        "audit.refused" => format!("Postgres refuses every audit event{why}"),
        _ => format!("The dead letters of the audit log are full, so nothing is shipped{why}"),
    }
}

fn summary(data: &Data) -> String {
    let times = count(data.int("count"), "more alert", "more alerts");
    let span = duration(data.int("to_ms").saturating_sub(data.int("from_ms")).max(1));
    format!("{times} of the type {} within {span}", data.named("type"))
}

/// The most characters of an application's own data.
const LONGEST: usize = 240;

fn other(data: &Data) -> String {
    if data.0.is_null() {
        return "No data".into();
    }
    let text = data.raw("text").map_or_else(|| flat(&data.0), str::to_owned);
    let mut text = shown(text);
    if let Some((cut, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// The members of an object without braces: `order: 17, state: open`. Else the JSON.
fn flat(data: &Value) -> String {
    let Value::Object(members) = data else { return data.to_string() };
    if members.is_empty() {
        return "No data".into();
    }
    let each = members.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        other => format!("{name}: {other}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn link_of(event: &str, data: &Data) -> Option<String> {
    let key = data.named_key();
    let key = key.as_bytes();
    match event {
        "burst" => Some(link("/key", &[("key", key)])),
        "guard.ban" | "guard.alert" | "guard.challenge" | "guard.allow" | "guard.lift" => {
            let who = ["ip", "user", "free_key"].map(|name| data.raw(name).unwrap_or_default().as_bytes());
            let [ip, user, free] = who;
            if ip.is_empty() && user.is_empty() && free.is_empty() {
                return Some(link("/bans", &[("guard", key)]));
            }
            // A key stands alone.
            let (ip, user) = if free.is_empty() { (ip, user) } else { (&b""[..], &b""[..]) };
            Some(link("/why", &[("guard", key), ("ip", ip), ("user", user), ("key", free)]))
        }
        "guard.attack" | "guard.broken" | "guard.capped" | "guard.full" | "guard.proxy" => {
            Some(link("/bans", &[("guard", key)]))
        }
        "token.reuse" | "token.rollback" | "token.forgery" => {
            let subject = data.raw("subject")?.as_bytes();
            Some(link("/sessions", &[("store", key), ("subject", subject)]))
        }
        "audit.lag" | "audit.refused" | "audit.dead" => Some("/delivery".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
