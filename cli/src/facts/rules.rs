//! The rules of guards: LW.RULES.

use std::time::Duration;

use redis::cmd;

use super::gathered::ask_primaries;
use crate::connect::fleet::Fleet;
use crate::reply;

/// A rule, as far as people need to know what it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub guard: String,
    pub name: String,
    /// `ip`, `user`, `pair` or `key`.
    pub scope: String,
    pub kinds: Vec<String>,
    pub count: Count,
    pub observes: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Count {
    Each,
    /// More than `most` within `window_ms`. `of` is `users`, `networks` or `values` where these are
    /// counted, and not events.
    Most {
        most: i64,
        of: Option<String>,
        window_ms: i64,
    },
    /// The median of the last `gaps` gaps is above `over_ms`.
    Gaps {
        gaps: i64,
        over_ms: i64,
    },
}

/// The rules of the first primary that tells them; empty if none does.
pub async fn rules(fleet: &Fleet) -> Vec<Rule> {
    let answers = ask_primaries(fleet, &cmd("LW.RULES")).await;
    let Some(lines) = answers.into_iter().find_map(|(_, answer)| answer.ok()) else { return Vec::new() };
    let texts = reply::items(&lines).iter().filter_map(reply::text);
    texts.filter_map(|line| rule(&line)).collect()
}

/// The rule `name` that counts for the guard at `key`, if it admits `most`.
pub fn find<'a>(rules: &'a [Rule], key: &[u8], name: &str, most: i64) -> Option<&'a Rule> {
    let key = String::from_utf8_lossy(key);
    let is_part = |rule: &&Rule| rule.guard == "*" || key.split([':', '{']).any(|part| part == rule.guard);
    let admits = |rule: &&Rule| match rule.count {
        Count::Most { most: admitted, .. } => admitted == most,
        _ => true,
    };
    rules.iter().filter(|rule| rule.name == name).filter(is_part).find(admits)
}

fn rule(line: &str) -> Option<Rule> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [guard, name, scope, kinds, rest @ ..] = words.as_slice() else { return None };
    Some(Rule {
        guard: (*guard).to_owned(),
        name: (*name).to_owned(),
        scope: (*scope).to_owned(),
        kinds: kinds.split(',').map(str::to_owned).collect(),
        count: count(rest)?,
        observes: rest.last() == Some(&"observe"),
    })
}

fn count(words: &[&str]) -> Option<Count> {
    match words {
        ["each", ..] => Some(Count::Each),
        [gaps, "gaps", "over", over, ..] => {
            Some(Count::Gaps { gaps: gaps.parse().ok()?, over_ms: ms(over)? })
        }
        [most, "leak", leak, ..] => leaking(most, None, leak),
        [most, of, "leak", leak, ..] => leaking(most, Some((*of).to_owned()), leak),
        _ => None,
    }
}

fn leaking(most: &str, of: Option<String>, leak: &str) -> Option<Count> {
    let most: i64 = most.parse().ok()?;
    Some(Count::Most { most, of, window_ms: ms(leak)?.saturating_mul(most) })
}

fn ms(text: &str) -> Option<i64> {
    let time: Duration = humantime::parse_duration(text).ok()?;
    i64::try_from(time.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_in_their_own_grammar() {
        let stuffing = rule("login stuffing ip failure 10 users leak 1m ban 10m max 1d enforce").unwrap();
        let of = Some("users".to_owned());
        assert_eq!(stuffing.count, Count::Most { most: 10, of, window_ms: 600_000 });
        let probe = rule("http probe ip 401,403 15 leak 500ms quiet 1m ban 10m observe").unwrap();
        assert_eq!(probe.count, Count::Most { most: 15, of: None, window_ms: 7500 });
        assert!(probe.observes && probe.kinds == ["401", "403"]);
        assert_eq!(
            rule("a b key tick 5 gaps over 2s alert enforce").unwrap().count,
            Count::Gaps { gaps: 5, over_ms: 2000 }
        );
        assert_eq!(rule("a b key tick each alert enforce").unwrap().count, Count::Each);
        for wrong in ["", "a b c", "a b ip failure", "a b ip failure x leak 1m"] {
            assert_eq!(rule(wrong), None, "{wrong}");
        }
        let rules = [stuffing.clone(), probe];
        assert_eq!(find(&rules, b"lw:login:{t7}", "stuffing", 10), Some(&stuffing));
        assert_eq!(find(&rules, b"lw:login", "stuffing", 11), None);
        assert_eq!(find(&rules, b"other", "stuffing", 10), None);
    }
}
