//! Lines of the corpus as rules and calls.

use std::fs;

use super::super::Verdict;
use super::lines::{self, Event, Form, Line};
use crate::support::{Client, Server, Value};

/// The parts in which a case is sent: up to the event that fires first, that event, and the rest.
pub(super) const PARTS: usize = 3;

/// A line that a rule can express. It has a guard with that rule, and a key of the guard's name.
pub(super) struct Case {
    line: Line,
    /// The line's number in the corpus.
    number: usize,
    /// Where the parts begin and end, as indices of events.
    cuts: [usize; PARTS + 1],
    /// The time of the earliest event. It is sent at `begin`, so that the server, whose own clock
    /// goes on, expires no key.
    earliest: u64,
    begin: u64,
    /// The events that raised an alert, by their index.
    fired: Vec<usize>,
}

/// All lines that a rule can express. Their events begin an hour from now.
pub(super) fn cases(client: &mut Client) -> Vec<Case> {
    let begin = u64::try_from(client.time_ms()).unwrap() + 3_600_000;
    let lines = lines::all().into_iter().enumerate();
    let lines = lines.filter(|(_, line)| count(line).is_some());
    lines.map(|(number, line)| Case::new(number, line, begin)).collect()
}

/// The rules of all cases, as a file.
pub(super) fn rules(cases: &[Case]) -> String {
    cases.iter().map(|case| case.rule() + "\n").collect()
}

/// Writes a file into the server's directory. Returns its path.
pub(super) fn file(server: &Server, rules: &str) -> String {
    let path = server.dir().join("rules");
    fs::write(&path, rules).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The COUNT of a rule, if a rule can express the line.
pub(super) fn count(line: &Line) -> Option<String> {
    Some(match line.form {
        Form::Leaky { capacity, leakspeed_ms } if line.distinct.is_some() => {
            format!("{capacity} values leak {leakspeed_ms}ms")
        }
        Form::Leaky { capacity, leakspeed_ms } => format!("{capacity} leak {leakspeed_ms}ms"),
        Form::Trigger {} => "each".to_owned(),
        Form::Interval { last, median_ms, strict, .. } if line.distinct.is_none() => {
            // A rule fires above the number, the line with `strict: false` at it too.
            format!("{} gaps over {}ms", last - 1, median_ms - u64::from(!strict))
        }
        Form::CountOf { more_than, idle_ms } => {
            format!("{more_than} values leak {}ms", idle_ms / u64::from(more_than))
        }
        Form::Interval { .. } | Form::Travel { .. } => return None,
    })
}

/// Whether a reply of LW.EVENT says that an alert was raised. Rules that alert have no verdict.
#[track_caller]
pub(super) fn alerted(reply: &Value) -> bool {
    let verdict = Verdict::of(reply);
    assert_eq!((verdict.says(), verdict.would), ((0, ""), 0));
    verdict.alerted == 1
}

impl Case {
    fn new(number: usize, line: Line, begin: u64) -> Self {
        let len = line.events.len();
        let first = line.at.first().copied();
        let cuts = first.map_or([0, len / 2, len / 2, len], |first| [0, first, first + 1, len]);
        let earliest = line.events.iter().map(|event| event.t_ms).min().unwrap();
        Self { line, number, cuts, earliest, begin, fired: Vec::new() }
    }

    pub(super) fn guard(&self) -> String {
        format!("case{}", self.number)
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        format!("{} in {}", self.line.scenario, self.line.test)
    }

    fn rule(&self) -> String {
        let quiet = self.line.blackhole_ms.map_or_else(String::new, |quiet| format!(" quiet {quiet}ms"));
        format!("{} rule key hit {}{quiet} alert enforce", self.guard(), count(&self.line).unwrap())
    }

    pub(super) fn send_all(&mut self, client: &mut Client) {
        (0..PARTS).for_each(|part| self.send(client, part));
    }

    /// Sends the events of a part, each at its time, and notes those that raised an alert.
    #[track_caller]
    pub(super) fn send(&mut self, client: &mut Client, part: usize) {
        let part = self.cuts[part]..self.cuts[part + 1];
        let calls: Vec<_> =
            self.line.events[part.clone()].iter().flat_map(|event| self.calls(event)).collect();
        let answers = client.pipeline(&calls);
        for (index, answers) in part.zip(answers.chunks(2)) {
            assert_eq!(answers[0], Value::Simple("OK".into()));
            if alerted(&answers[1]) {
                self.fired.push(index);
            }
        }
    }

    /// The calls that stop the clock at the time of an event and report it.
    fn calls(&self, event: &Event) -> [Vec<String>; 2] {
        let kind = match event {
            Event { cancel: true, .. } => "success",
            Event { counts: Some(false), .. } => "other",
            _ => "hit",
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        // One line has an empty key, which LW.EVENT refuses.
        let key = format!("of {}", event.key);
        let mut report = words(&["LW.EVENT", &self.guard(), kind, "KEY", &key]);
        if let Some(value) = &event.value {
            report.extend(words(&["VALUE", value]));
        }
        let time = event.t_ms - self.earliest + self.begin;
        [words(&["LW.DEBUG", "STOP", &time.to_string()]), report]
    }

    /// Asserts that the events raised an alert by which the scenario fires in CrowdSec.
    #[track_caller]
    pub(super) fn assert_fired(&self) {
        let (name, fired) = (self.name(), &self.fired);
        assert_eq!(fired.len(), self.line.overflows, "{name}: {fired:?}");
        if !self.line.wallclock {
            assert_eq!(*fired, self.line.at, "{name}");
        }
    }
}
