//! Guards: LW.ATTEMPT, LW.EVENT and LW.CHECK, what operators do by LW.BAN, LW.ALLOW and LW.LIFT, and
//! what LW.BANS, LW.WHY and LW.RULES show.

mod bounds;
mod rules;

// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod access;
#[cfg(feature = "debug-commands")]
mod addresses;
#[cfg(feature = "debug-commands")]
mod attempt;
#[cfg(feature = "debug-commands")]
mod bans;
#[cfg(feature = "debug-commands")]
mod builtin;
#[cfg(feature = "debug-commands")]
mod calls;
#[cfg(feature = "debug-commands")]
mod cluster;
#[cfg(feature = "debug-commands")]
mod contexts;
#[cfg(feature = "debug-commands")]
mod corpus;
#[cfg(feature = "debug-commands")]
mod damaged;
#[cfg(feature = "debug-commands")]
mod event;
#[cfg(feature = "debug-commands")]
mod health;
#[cfg(feature = "debug-commands")]
mod hostile;
#[cfg(feature = "debug-commands")]
mod known;
#[cfg(feature = "debug-commands")]
mod lift;
#[cfg(feature = "debug-commands")]
mod lost;
#[cfg(feature = "debug-commands")]
mod modes;
#[cfg(feature = "debug-commands")]
mod oom;
#[cfg(feature = "debug-commands")]
mod parallel;
#[cfg(feature = "debug-commands")]
mod persistence;
#[cfg(feature = "debug-commands")]
mod precedence;
#[cfg(feature = "debug-commands")]
mod replica;
#[cfg(feature = "debug-commands")]
mod why;

use super::support::{Builder, Client, Server, Value};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A reply of LW.ATTEMPT, LW.EVENT or LW.CHECK.
#[derive(Clone, Debug, PartialEq)]
struct Verdict {
    verdict: i64,
    retry_after: i64,
    /// Empty if allowed.
    rule: String,
    strikes: i64,
    would: i64,
    alerted: i64,
}

impl Verdict {
    /// Parses a reply and asserts the invariants of all replies.
    #[track_caller]
    fn of(value: &Value) -> Self {
        let [verdict, retry_after, rule, strikes, would, alerted] = value.items() else {
            panic!("not six values: {value:?}")
        };
        let reply = Self {
            verdict: verdict.int(),
            retry_after: retry_after.int(),
            rule: if *rule == Value::Nil { String::new() } else { rule.text() },
            strikes: strikes.int(),
            would: would.int(),
            alerted: alerted.int(),
        };
        assert!((0..=2).contains(&reply.verdict), "{value:?}");
        assert_eq!(reply.verdict == 2, reply.retry_after > 0, "{value:?}");
        assert_eq!(reply.verdict == 0, reply.rule.is_empty(), "{value:?}");
        assert!((0..=20).contains(&reply.strikes), "{value:?}");
        assert!((reply.verdict..=2).contains(&reply.would), "{value:?}");
        assert!((0..=1).contains(&reply.alerted), "{value:?}");
        reply
    }

    fn says(&self) -> (i64, &str) {
        (self.verdict, &self.rule)
    }
}

impl Client {
    /// `LW.ATTEMPT login` with the words of `args`.
    #[track_caller]
    fn attempt(&mut self, args: &str) -> Verdict {
        Verdict::of(&self.run(&format!("LW.ATTEMPT login {args}")))
    }

    /// `LW.EVENT login` with the words of `args`.
    #[track_caller]
    fn event(&mut self, args: &str) -> Verdict {
        Verdict::of(&self.run(&format!("LW.EVENT login {args}")))
    }

    /// `LW.CHECK login` with the words of `args`.
    #[track_caller]
    fn check(&mut self, args: &str) -> Verdict {
        Verdict::of(&self.run(&format!("LW.CHECK login {args}")))
    }

    /// The number that LW.LIFT replies.
    #[track_caller]
    fn lift(&mut self, args: &str) -> i64 {
        self.run(&format!("LW.LIFT login {args}")).int()
    }

    /// The end that LW.BAN or LW.ALLOW replies.
    #[track_caller]
    fn until(&mut self, line: &str) -> i64 {
        self.run(line).int()
    }

    /// `LW.WHY login` with the words of `args`.
    #[track_caller]
    fn why(&mut self, args: &str) -> Value {
        self.run(&format!("LW.WHY login {args}"))
    }

    /// Makes calls that no rule may object to.
    #[track_caller]
    fn pass<'a>(&mut self, lines: impl IntoIterator<Item = impl Into<std::borrow::Cow<'a, str>>>) {
        for line in lines {
            let line = line.into();
            let verdict = Verdict::of(&self.run(&line));
            assert_eq!(verdict.says(), (0, ""), "{line}");
        }
    }

    /// Stops the module's clock now. Returns the time.
    #[track_caller]
    fn freeze(&mut self) -> i64 {
        let now = self.time_ms();
        self.stop_clock(now);
        now
    }

    /// The number `lockwatch_guard_<name>` of INFO.
    #[track_caller]
    fn guard_info(&mut self, name: &str) -> i64 {
        self.info("lockwatch_guard").number(&format!("lockwatch_guard_{name}"))
    }
}

/// A server whose guards ban from the start.
fn builder() -> Builder {
    Server::builder().config("lockwatch.guard-learn 0")
}

fn server() -> Server {
    builder().start()
}

/// The subjects of the bans that `list` shows.
#[track_caller]
fn subjects(list: &Value) -> Vec<String> {
    list.items().iter().map(|ban| ban.field("subject").text()).collect()
}
