//! Calls of the guard commands, and their replies.

use crate::{Client, Value};

/// A reply of LW.ATTEMPT, LW.EVENT or LW.CHECK.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub verdict: i64,
    pub retry_after: i64,
    /// Empty if allowed.
    pub rule: String,
    pub strikes: i64,
    pub would: i64,
    pub alerted: i64,
}

impl Verdict {
    /// Parses a reply and asserts the invariants of all replies.
    #[track_caller]
    pub fn of(value: &Value) -> Self {
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

    pub fn says(&self) -> (i64, &str) {
        (self.verdict, &self.rule)
    }
}

impl Client {
    /// `LW.ATTEMPT login` with the words of `args`.
    #[track_caller]
    pub fn attempt(&mut self, args: &str) -> Verdict {
        Verdict::of(&self.run(&format!("LW.ATTEMPT login {args}")))
    }

    /// `LW.EVENT login` with the words of `args`.
    #[track_caller]
    pub fn event(&mut self, args: &str) -> Verdict {
        Verdict::of(&self.run(&format!("LW.EVENT login {args}")))
    }

    /// `LW.CHECK login` with the words of `args`.
    #[track_caller]
    pub fn check(&mut self, args: &str) -> Verdict {
        Verdict::of(&self.run(&format!("LW.CHECK login {args}")))
    }

    /// The number that LW.LIFT replies.
    #[track_caller]
    pub fn lift(&mut self, args: &str) -> i64 {
        self.run(&format!("LW.LIFT login {args}")).int()
    }

    /// The end that LW.BAN or LW.ALLOW replies.
    #[track_caller]
    pub fn until(&mut self, line: &str) -> i64 {
        self.run(line).int()
    }

    /// `LW.WHY login` with the words of `args`.
    #[track_caller]
    pub fn why(&mut self, args: &str) -> Value {
        self.run(&format!("LW.WHY login {args}"))
    }

    /// Makes calls that no rule may object to.
    #[track_caller]
    pub fn pass<'a>(&mut self, lines: impl IntoIterator<Item = impl Into<std::borrow::Cow<'a, str>>>) {
        for line in lines {
            let line = line.into();
            let verdict = Verdict::of(&self.run(&line));
            assert_eq!(verdict.says(), (0, ""), "{line}");
        }
    }

    /// Stops the module's clock now. Returns the time.
    #[track_caller]
    pub fn freeze(&mut self) -> i64 {
        let now = self.time_ms();
        self.stop_clock(now);
        now
    }

    /// The number `lockwatch_guard_<name>` of INFO.
    #[track_caller]
    pub fn guard_info(&mut self, name: &str) -> i64 {
        self.info("lockwatch_guard").number(&format!("lockwatch_guard_{name}"))
    }
}
