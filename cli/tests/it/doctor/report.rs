//! Runs of `lockwatch doctor`, and what they report.

use lockwatch_test_support::Server;
use serde_json::Value as Json;

use crate::program::{lockwatch, text};

/// The program's user, who has the rights that docs/reference/program/doctor.md lists.
pub const USER: &str = "doctor";
pub const PASSWORD: &str = "a-password-of-the-doctor";

/// The level and name of the check of a finding.
pub type Expected = (&'static str, &'static str);

pub struct Report {
    pub code: i32,
    pub json: Json,
    pub printed: String,
}

/// Runs the program with JSON output as [`USER`].
#[track_caller]
pub fn doctor(server: &Server, args: &[&str]) -> Report {
    doctor_at(&server.url(), args)
}

#[track_caller]
pub fn doctor_at(url: &str, args: &[&str]) -> Report {
    run_as(Some((USER, PASSWORD)), url, args)
}

#[track_caller]
pub fn run_as(login: Option<(&str, &str)>, url: &str, args: &[&str]) -> Report {
    let mut command = lockwatch([&["doctor", "--json", "--timeout", "20s", "--redis", url], args].concat());
    if let Some((user, password)) = login {
        command.env("LOCKWATCH_REDIS_USER", user).env("LOCKWATCH_REDIS_PASSWORD", password);
    }
    let output = command.output().expect("the program can be run");
    let printed = text(&output.stdout);
    let json = serde_json::from_str(&printed)
        .unwrap_or_else(|why| panic!("{why}: {printed}{}", text(&output.stderr)));
    Report { code: output.status.code().expect("it exits"), json, printed }
}

impl Report {
    /// Each finding as level, check and what was seen.
    pub fn findings(&self) -> Vec<(String, String, String)> {
        let findings = self.json["findings"].as_array().expect("findings are a list");
        let one = |it: &Json| {
            let word = |name: &str| it[name].as_str().expect("a text").to_owned();
            (word("level"), word("check"), word("seen"))
        };
        findings.iter().map(one).collect()
    }

    /// What the check `name` has seen first.
    #[track_caller]
    pub fn seen(&self, name: &str) -> String {
        let found = self.findings().into_iter().find(|(_, check, _)| check == name);
        found.unwrap_or_else(|| panic!("nothing from {name}: {}", self.printed)).2
    }

    /// Why the report differs from the expected one, if it does. A check may report a fault once
    /// for each server.
    pub fn difference(&self, expected: &[Expected]) -> Option<String> {
        let found = self.findings();
        let is_expected = |(level, check, _): &(String, String, String)| {
            expected.contains(&(level.as_str(), check.as_str()))
        };
        let mut differences: Vec<String> =
            found.iter().filter(|it| !is_expected(it)).map(|it| format!("unexpected: {it:?}")).collect();
        for (level, check) in expected {
            if !found.iter().any(|it| (it.0.as_str(), it.1.as_str()) == (level, check)) {
                differences.push(format!("missing: {level} of {check}"));
            }
        }
        let has = |level: &str| expected.iter().any(|(it, _)| *it == level);
        let code = if has("error") { 2 } else { i32::from(has("warning")) };
        if self.code != code {
            differences.push(format!("the exit code is {} and not {code}", self.code));
        }
        (!differences.is_empty()).then(|| differences.join("\n"))
    }

    /// Asserts that exactly these faults were found, with the exit code that belongs to them.
    #[track_caller]
    pub fn assert_is(&self, expected: &[Expected]) {
        if let Some(difference) = self.difference(expected) {
            panic!("{difference}");
        }
    }
}
