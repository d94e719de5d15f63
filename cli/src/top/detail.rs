//! The details of a row: what one key holds, or why somebody is banned.

use super::cell::{harmless, millis};
use super::table::{Target, Tone};
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::facts::bans::Ban;
use crate::facts::keys::{self, Inspected, Peeked};
use crate::facts::top::TopKey;
use crate::facts::why::{self, Subject, Why};
use crate::quote::quoted;

/// A line of the details.
pub type Line = (Tone, String);

/// LW.TOP cuts keys at this length.
const CUT: usize = 256;

pub struct Detail {
    pub target: Target,
    /// `None` until they are known.
    pub lines: Option<Vec<Line>>,
    /// The first line on the screen.
    pub top: usize,
}

impl Detail {
    pub fn of(target: Target) -> Self {
        let lines = match &target {
            Target::Text { lines, .. } => {
                Some(lines.iter().map(|line| (Tone::Plain, line.clone())).collect())
            }
            _ => None,
        };
        Self { target, lines, top: 0 }
    }

    pub fn title(&self) -> String {
        match &self.target {
            Target::Key(key) => format!("Key {}", harmless(&key.key)),
            Target::Ban(ban) => format!("Ban of {}", harmless(ban.subject.as_bytes())),
            Target::Text { title, .. } => title.clone(),
        }
    }

    /// Scrolls to line `top`, but not beyond the last page of `rows` lines.
    pub fn scroll_to(&mut self, top: usize, rows: usize) {
        let count = self.lines.as_ref().map_or(0, Vec::len);
        self.top = top.min(count.saturating_sub(rows));
    }
}

/// Asks the servers about a target. `now_ms` is the time of their clock.
pub async fn ask(fleet: &Fleet, target: &Target, now_ms: i64) -> Vec<Line> {
    match target {
        Target::Key(key) => about_key(fleet, key, now_ms).await,
        Target::Ban(ban) => about_ban(fleet, ban, now_ms).await,
        Target::Text { .. } => Vec::new(),
    }
}

async fn about_key(fleet: &Fleet, key: &TopKey, now_ms: i64) -> Vec<Line> {
    let mut text = Text::default();
    text.field("key", harmless(&key.key));
    text.field("node", format!("{}, database {}", harmless(key.node.as_bytes()), key.db));
    let too_many = if key.error > 0 { format!(", at most {} too many", key.error) } else { String::new() };
    text.field("denied", format!("{} calls lately{too_many}", key.denied));
    text.field("last", format!("{} ago", millis(now_ms.saturating_sub(key.last_ms))));
    if key.key.len() >= CUT {
        text.say("Not looked up", "LW.TOP has only the first 256 bytes of a longer key.");
        return text.0;
    }
    if key.db != fleet.db() {
        let url = format!("redis://HOST:PORT/{}", key.db);
        text.say(
            "Not looked up",
            &format!("The connection is to another database. Start with --redis {url}."),
        );
        return text.0;
    }
    match &key.policy {
        Some(policy) => text.limits(policy, keys::peek(fleet, &key.key, policy).await),
        None => text.say("Limits", "The call itself says them. The server does not keep them."),
    }
    text.holds(keys::inspect(fleet, &key.key).await, now_ms);
    text.0
}

async fn about_ban(fleet: &Fleet, ban: &Ban, now_ms: i64) -> Vec<Line> {
    let mut text = Text::default();
    text.field("guard", harmless(&ban.guard));
    text.ban(ban, now_ms);
    let subject = Subject::of(ban);
    // LW.WHY knows single addresses, and the blocks by which IPv6 addresses are counted.
    let network = ban.subject.split_once('/').map(|(_, bits)| bits);
    let is_block = network.is_some_and(|bits| bits != "64" && bits != "48") && ban.hash.is_none();
    if !is_block {
        match why::why(fleet, &ban.guard, &subject).await {
            Ok(why) => text.why(&why, now_ms),
            Err(failure) => text.failed("LW.WHY", &failure),
        }
    }
    text.say("To end it", &lift(ban, &subject));
    text.0
}

/// The line for redis-cli that ends a ban.
fn lift(ban: &Ban, subject: &Subject) -> String {
    let (option, who) = match subject {
        Subject::Hash(hash) => ("HASH", hash.as_bytes()),
        _ => ("IP", ban.subject.as_bytes()),
    };
    format!("LW.LIFT {} {option} {} BY your-name", quoted(&ban.guard), quoted(who))
}

#[derive(Default)]
struct Text(Vec<Line>);

impl Text {
    fn line(&mut self, text: String) {
        self.0.push((Tone::Plain, text));
    }

    fn field(&mut self, name: &str, value: String) {
        self.line(format!("{name:<10} {value}"));
    }

    fn heading(&mut self, text: &str) {
        self.line(String::new());
        self.0.push((Tone::Heading, text.to_owned()));
    }

    fn say(&mut self, heading: &str, text: &str) {
        self.heading(heading);
        self.line(format!("  {text}"));
    }

    fn failed(&mut self, command: &str, why: &Failure) {
        self.line(String::new());
        self.0.push((Tone::Bad, format!("{command} failed: {}", harmless(why.text.as_bytes()))));
    }

    fn limits(&mut self, policy: &str, peeked: Result<Peeked, Failure>) {
        let peeked = match peeked {
            Ok(peeked) => peeked,
            Err(why) => return self.failed("LW.PEEK", &why),
        };
        let limits: Vec<String> =
            peeked.limits.iter().map(|(limit, window)| format!("{limit} in {}", millis(*window))).collect();
        self.heading(&format!("Limits of the policy {}", harmless(policy.as_bytes())));
        self.line(format!("  {}", limits.join(", ")));
        if let Some(subject) = &peeked.override_for {
            self.line(format!("  by its override for {}", harmless(subject.as_bytes())));
        }
        if peeked.shadow {
            self.line("  in SHADOW: nothing is denied".into());
        }
        let reset = millis(peeked.reset_after_ms);
        self.line(format!("  {} of {} units remain, all in {reset}", peeked.remaining, peeked.limit));
    }

    fn holds(&mut self, inspected: Result<Option<Inspected>, Failure>, now_ms: i64) {
        let key = match inspected {
            Ok(Some(key)) => key,
            Ok(None) => {
                return self.say(
                    "What it holds",
                    "Nothing: every unit has left its window, or none was ever admitted.",
                );
            }
            Err(why) => return self.failed("LW.INSPECT", &why),
        };
        self.heading("What it holds");
        let expires = key.expires_ms.map_or("does not expire".into(), |ms| {
            format!("expires in {}", millis(ms.saturating_sub(now_ms)))
        });
        self.line(format!(
            "  {}, {} bytes, {} entries, {expires}",
            harmless(key.kind.as_bytes()),
            key.bytes,
            key.entries
        ));
        if !key.windows.is_empty() {
            self.line(format!("  {:<10} {:>12} {:>12} {:>12}", "window", "used", "first free", "all free"));
        }
        for window in &key.windows {
            let [length, first, all] = [window.window_ms, window.first_free_ms, window.reset_ms].map(millis);
            self.line(format!("  {length:<10} {:>12} {first:>12} {all:>12}", window.used));
        }
        for (name, count) in &key.counts {
            self.line(format!("  {:<20} {count}", harmless(name.as_bytes())));
        }
    }

    fn ban(&mut self, ban: &Ban, now_ms: i64) {
        let said = |text: &Option<String>| harmless(text.as_deref().unwrap_or("-").as_bytes());
        self.field("subject", harmless(ban.subject.as_bytes()));
        let left = millis(ban.until_ms.saturating_sub(now_ms));
        self.field(
            "since",
            format!("{}, {left} left, {} strikes", millis(now_ms.saturating_sub(ban.from_ms)), ban.strikes),
        );
        if ban.source == "operator" {
            self.field("by", format!("{}, as the user {}", said(&ban.by), said(&ban.acl_user)));
            self.field("reason", said(&ban.reason));
        } else {
            let admits = format!("admits {} within {}", ban.count, millis(ban.window_ms));
            self.field("rule", format!("{}, which {admits}", said(&ban.rule)));
        }
    }

    fn why(&mut self, why: &Why, now_ms: i64) {
        self.heading("What a call would be told now");
        let by = why.rule.as_ref().map_or(String::new(), |rule| format!(" by {}", harmless(rule.as_bytes())));
        let wait = if why.retry_after_ms > 0 {
            format!(", for {}", millis(why.retry_after_ms))
        } else {
            String::new()
        };
        self.line(format!("  {}{by}{wait}", harmless(why.verdict.as_bytes())));
        if why.would != why.verdict {
            self.line(format!("  {} if observed rules were enforced", harmless(why.would.as_bytes())));
        }
        if why.known_networks > 0 || why.known_devices > 0 {
            self.line(format!(
                "  known at {} networks, with {} devices",
                why.known_networks, why.known_devices
            ));
        }
        if !why.challenges.is_empty() {
            self.heading("Challenges");
        }
        for one in &why.challenges {
            let [rule, subject] = [&one.rule, &one.subject].map(|text| harmless(text.as_bytes()));
            self.line(format!(
                "  {rule:<12} {:>8} left   {subject}",
                millis(one.until_ms.saturating_sub(now_ms))
            ));
        }
        if !why.counts.is_empty() {
            self.heading("What rules have counted");
            self.line(format!(
                "  {:<12} {:>7} {:>7} {:>8} {:>8}  {}",
                "rule", "counted", "admits", "within", "strikes", "subject"
            ));
        }
        for one in &why.counts {
            let [rule, subject] = [&one.rule, &one.subject].map(|text| harmless(text.as_bytes()));
            let within = millis(one.window_ms);
            self.line(format!(
                "  {rule:<12} {:>7} {:>7} {within:>8} {:>8}  {subject}",
                one.units, one.count, one.strikes
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::sketch::Sketch;

    #[test]
    fn the_line_that_ends_a_ban_is_quoted_for_redis_cli() {
        let bans = Sketch::new().ban("203.0.113.9", "stuffing", 60).taken_after(0).bans.list;
        let ban = Ban { guard: b"a b\" ALL\x1b".to_vec(), ..bans[0].clone() };
        let line = lift(&ban, &Subject::of(&ban));
        assert_eq!(line, "LW.LIFT \"a b\\x22 ALL\\x1b\" IP 203.0.113.9 BY your-name");
        let ban = Ban { hash: Some("0123456789abcdef".into()), guard: b"login".to_vec(), ..ban };
        assert_eq!(lift(&ban, &Subject::of(&ban)), "LW.LIFT login HASH 0123456789abcdef BY your-name");
    }
}
