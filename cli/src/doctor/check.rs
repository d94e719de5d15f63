//! A check, and how all of them are run.

use super::database::Database;
use super::facts::{Asked, DatabaseFacts, Facts, Missing, Seen};
use super::finding::{Finding, Level};

pub type Outcome = Asked<Vec<Finding>>;

/// One thing that is looked at.
pub struct Check {
    pub name: &'static str,
    /// For `--list`: what it looks at.
    pub about: &'static str,
    pub look: Look,
}

#[derive(Clone, Copy)]
pub enum Look {
    /// At each server that answered.
    Server(fn(Seen<'_>) -> Outcome),
    /// At each server that has the module.
    Module(fn(Seen<'_>) -> Outcome),
    /// At all servers together.
    Fleet(fn(&Facts) -> Outcome),
    /// At all that is known, also if no server answered.
    Anyway(fn(&Facts) -> Outcome),
    /// At the database of the audit log.
    Database(fn(&Database, &Facts) -> Outcome),
}

/// A check and what it found, worst first.
pub struct Checked {
    pub check: &'static Check,
    pub findings: Vec<Finding>,
}

impl Checked {
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }
}

pub fn run(check: &'static Check, facts: &Facts) -> Checked {
    let mut findings = match check.look {
        Look::Server(_) | Look::Module(_) | Look::Fleet(_) if facts.seen().next().is_none() => {
            vec![Finding::skipped("no server answers")]
        }
        Look::Anyway(look) => settled(look(facts)),
        Look::Server(look) => each(facts.seen(), look),
        Look::Module(look) => each(facts.with_module(), look),
        Look::Fleet(look) => settled(look(facts)),
        Look::Database(look) => match &facts.database {
            DatabaseFacts::Asked(database) => settled(look(database, facts)),
            // The check `database` reports the failure.
            DatabaseFacts::Failed(_) => Vec::new(),
            DatabaseFacts::NotAsked => without_database(facts),
        },
    };
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    Checked { check, findings }
}

fn each<'a>(nodes: impl Iterator<Item = Seen<'a>>, look: fn(Seen<'_>) -> Outcome) -> Vec<Finding> {
    let on = |node: Seen<'_>| settled(look(node)).into_iter().map(|found| found.on(node.name)).collect();
    nodes.flat_map(|node| -> Vec<Finding> { on(node) }).collect()
}

fn settled(outcome: Outcome) -> Vec<Finding> {
    outcome.unwrap_or_else(|missing| vec![skipped(&missing)])
}

fn skipped(missing: &Missing) -> Finding {
    let finding = Finding::skipped(&missing.why);
    match missing.right {
        Some(right) => finding.todo(format!("give the user the right {right}")),
        None => finding,
    }
}

/// Checks of the database are skipped if there is one, and the program was not told its URL.
fn without_database(facts: &Facts) -> Vec<Finding> {
    let ships = |node: Seen<'_>| node.text("lockwatch_audit_postgres").is_ok_and(|hosts| !hosts.is_empty());
    if !facts.with_module().any(ships) {
        return Vec::new();
    }
    let why = "the servers ship to a database, and the program was not told its URL";
    vec![Finding::skipped(why).todo("give --database-url-file, with a role that may read")]
}
