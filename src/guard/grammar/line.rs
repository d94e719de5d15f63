//! Reads the words of one line.

use std::str::SplitWhitespace;

use crate::text::duration;
use crate::text::escape::label;
use crate::text::number;
use crate::text::quoted::Quoted;
use crate::text::time::Span;
use lockwatch_common::nearest::nearest;

use super::super::rule::{
    Action, Count, Kind, MOST_DISTINCT, MOST_GAPS, Mode, Of, PAIR_BAN, Rule, Scope, Tag,
};
use super::{EVERY, LONGEST_NAME};

const LINE: &str = "guard rule scope kind[,kind...] COUNT [quiet d] ACTION MODE";
const SCOPE: &str = "ip | user | pair | key";
const COUNT: &str = "each | N leak d | N users|networks|values leak d | N gaps over d";
const ACTION: &str = "alert | challenge d [alert] | ban d [max d]";
const MODE: &str = "enforce | observe";

/// The highest number of a leaky bucket.
pub(super) const MOST_UNITS: u64 = 1_000_000;

/// The name that replies have for a ban by an operator.
const OPERATOR: &str = "operator";

/// Reads the guard's name and the rule. The rule may make no sense yet.
pub(super) fn read(line: &str) -> Result<(Box<str>, Rule), String> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = Words { rest: line.split_whitespace(), next: None };
    let guard = guard(words.required("the name of the guard", LINE)?)?;
    let name = name(words.required("the name of the rule", LINE)?)?;
    let scope = scope(words.required("the scope", LINE)?)?;
    let kinds = kinds(words.required("the kind", LINE)?)?;
    let count = count(&mut words)?;
    let quiet = words.take("quiet").then(|| words.duration("quiet", LINE)).transpose()?;
    let action = action(&mut words, scope)?;
    let mode = mode(words.required("MODE", MODE)?)?;
    match words.word() {
        None => Ok((guard, Rule { tag: Tag::of(&name), name, scope, kinds, count, quiet, action, mode })),
        Some(word) => Err(format!("{} is one word too many ({LINE})", shown(word))),
    }
}

fn shown(word: &str) -> Quoted<'_> {
    Quoted(word.as_bytes())
}

/// The error of a word that is none of those that may be here.
fn none_of(word: &str, what: &str, known: &[&str], syntax: &str) -> String {
    let hint = nearest(word, known).map(|known| format!(": did you mean {known}?"));
    format!("{} is no {what}{} ({what} is {syntax})", shown(word), hint.unwrap_or_default())
}

/// The words of a line, of which the next one can be looked at.
struct Words<'a> {
    rest: SplitWhitespace<'a>,
    next: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<&'a str> {
        self.next.take().or_else(|| self.rest.next())
    }

    fn required(&mut self, what: &str, syntax: &str) -> Result<&'a str, String> {
        self.word().ok_or_else(|| format!("{what} is missing ({syntax})"))
    }

    /// Takes the next word if it is `word`.
    fn take(&mut self, word: &str) -> bool {
        self.next = self.word();
        self.next.take_if(|next| *next == word).is_some()
    }

    /// The duration behind `behind`.
    fn duration(&mut self, behind: &str, syntax: &str) -> Result<Span, String> {
        let word = self.required(&format!("the duration behind {behind}"), syntax)?;
        duration::parse(word.as_bytes()).map_err(|why| format!("{behind} {} {why}", shown(word)))
    }
}

fn guard(word: &str) -> Result<Box<str>, String> {
    if word == EVERY {
        return Ok(word.into());
    }
    let wrong = || {
        format!(
            "{} is no name of a guard: 1 to {LONGEST_NAME} letters, digits, dots, hyphens and underscores, or {EVERY}",
            shown(word)
        )
    };
    label(word.as_bytes(), LONGEST_NAME).map(Into::into).ok_or_else(wrong)
}

fn name(word: &str) -> Result<Box<str>, String> {
    if word == OPERATOR {
        return Err(format!("a rule can't be called {OPERATOR}: replies name an operator's ban so"));
    }
    let wrong = || {
        format!(
            "{} is no name of a rule: 1 to {LONGEST_NAME} letters, digits, dots, hyphens and underscores",
            shown(word)
        )
    };
    label(word.as_bytes(), LONGEST_NAME).map(Into::into).ok_or_else(wrong)
}

fn scope(word: &str) -> Result<Scope, String> {
    Ok(match word {
        "ip" => Scope::Ip,
        "user" => Scope::User,
        "pair" => Scope::Pair,
        "key" => Scope::Key,
        _ => return Err(none_of(word, "scope", &["ip", "user", "pair", "key"], SCOPE)),
    })
}

fn kinds(list: &str) -> Result<Box<[Kind]>, String> {
    let mut kinds = Vec::new();
    for word in list.split(',') {
        if !is_kind(word) {
            return Err(format!(
                "{} is no kind of event: 1 to {LONGEST_NAME} of a-z, 0-9, dot, hyphen and underscore; \
                 commas without blanks separate kinds",
                shown(word)
            ));
        }
        let kind = Kind::of(word);
        if kinds.contains(&kind) {
            return Err(format!("the kind {} is given twice", shown(word)));
        }
        kinds.push(kind);
    }
    Ok(kinds.into())
}

/// Whether `word` can be the kind of an event.
fn is_kind(word: &str) -> bool {
    label(word.as_bytes(), LONGEST_NAME).is_some() && !word.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn count(words: &mut Words<'_>) -> Result<Count, String> {
    let word = words.required("COUNT", COUNT)?;
    if word == "each" {
        return Ok(Count::Each);
    }
    if !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(none_of(word, "COUNT", &["each"], COUNT));
    }
    let what = words.required("the word behind N", COUNT)?;
    let most = match what {
        "leak" => MOST_UNITS,
        "gaps" => u64::from(MOST_GAPS),
        "users" | "networks" | "values" => u64::from(MOST_DISTINCT),
        _ => {
            let known = ["leak", "users", "networks", "values", "gaps"];
            return Err(none_of(what, "COUNT", &known, COUNT));
        }
    };
    let n = number::within(1..=most)(word.as_bytes());
    let n = n.map_err(|why| format!("the number {} of {what} {why}", shown(word)))?;
    // In range, so it fits.
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    let before = if what == "gaps" { "over" } else { "leak" };
    if what != "leak" && !words.take(before) {
        return Err(format!("{before} is missing behind {what} ({COUNT})"));
    }
    let every = words.duration(before, COUNT)?;
    if every.0.saturating_mul(u64::from(n)) > Span::MAX.0 {
        let every = duration::shown(every);
        return Err(format!("{n} times {every} is longer than ten years (3650d)"));
    }
    Ok(match what {
        "users" => Count::Distinct { most: n, of: Of::Users, every },
        "networks" => Count::Distinct { most: n, of: Of::Networks, every },
        "values" => Count::Distinct { most: n, of: Of::Values, every },
        "gaps" => Count::Gaps { last: n, over: every },
        _ => Count::Leak { most: n, every },
    })
}

/// Reads the action. A rule of scope `pair` that bans without a maximum gets the longest that it
/// may have, because strikes double a ban.
fn action(words: &mut Words<'_>, scope: Scope) -> Result<Action, String> {
    match words.required("ACTION", ACTION)? {
        "alert" => Ok(Action::Alert),
        "challenge" => {
            let lasts = words.duration("challenge", ACTION)?;
            Ok(Action::Challenge { lasts, alert: words.take("alert") })
        }
        "ban" => {
            let base = words.duration("ban", ACTION)?;
            let most = words.take("max").then(|| words.duration("max", ACTION)).transpose()?;
            Ok(Action::Ban { base, most: most.or((scope == Scope::Pair).then_some(PAIR_BAN)) })
        }
        word => Err(none_of(word, "ACTION", &["alert", "challenge", "ban", "quiet"], ACTION)),
    }
}

fn mode(word: &str) -> Result<Mode, String> {
    match word {
        "enforce" => Ok(Mode::Enforce),
        "observe" => Ok(Mode::Observe),
        _ => Err(none_of(word, "MODE", &["enforce", "observe", "alert", "max"], MODE)),
    }
}
