//! The result as JSON. docs/reference/program/doctor.md describes the shape.

use std::io::{self, Write};

use serde::Serialize;

use super::check::{Check, Checked};
use super::facts::{Facts, NodeFacts};
use super::finding::{self, Level};
use super::remedy::Shell;
use crate::connect::fleet::Kind;

/// The version of the shape. It grows when a member is removed or means something else.
const SHAPE: u32 = 1;

#[derive(Serialize)]
struct List<'a> {
    shape: u32,
    checks: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    about: &'a str,
}

#[derive(Serialize)]
struct Report<'a> {
    shape: u32,
    deployment: &'static str,
    /// The worst level.
    level: &'static str,
    counts: Counts,
    nodes: Vec<Node<'a>>,
    checks: Vec<CheckLevel<'a>>,
    /// Worst first.
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Counts {
    error: usize,
    warning: usize,
    note: usize,
    skipped: usize,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    role: &'static str,
    reachable: bool,
    /// The version of the module; null if it is not loaded.
    lockwatch: Option<&'a str>,
}

#[derive(Serialize)]
struct CheckLevel<'a> {
    name: &'a str,
    level: &'static str,
}

#[derive(Serialize)]
struct Finding<'a> {
    check: &'a str,
    level: &'static str,
    node: Option<&'a str>,
    seen: &'a str,
    why: &'a str,
    todo: &'a str,
    commands: Vec<String>,
}

pub fn list(out: &mut impl Write, checks: &[&Check]) -> io::Result<()> {
    let checks = checks.iter().map(|check| Listed { name: check.name, about: check.about }).collect();
    write(out, &List { shape: SHAPE, checks })
}

pub fn report(out: &mut impl Write, facts: &Facts, checked: &[Checked], shell: &Shell) -> io::Result<()> {
    let mut found: Vec<(&str, &finding::Finding)> =
        checked.iter().flat_map(|it| it.findings.iter().map(|finding| (it.check.name, finding))).collect();
    found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.level));
    let count = |level: Level| found.iter().filter(|(_, finding)| finding.level == level).count();
    let report = Report {
        shape: SHAPE,
        deployment: match facts.kind {
            Kind::Standalone => "standalone",
            Kind::Sentinel => "sentinel",
            Kind::Cluster => "cluster",
        },
        level: checked.iter().map(Checked::level).max().unwrap_or(Level::Ok).name(),
        counts: Counts {
            error: count(Level::Error),
            warning: count(Level::Warning),
            note: count(Level::Note),
            skipped: count(Level::Skipped),
        },
        nodes: facts.nodes.iter().map(node).collect(),
        checks: checked
            .iter()
            .map(|it| CheckLevel { name: it.check.name, level: it.level().name() })
            .collect(),
        findings: found.iter().map(|(check, it)| finding(check, it, shell)).collect(),
    };
    write(out, &report)
}

fn node(node: &NodeFacts) -> Node<'_> {
    let info = node.answers.as_ref().ok().and_then(|answers| answers.info.as_ref().ok());
    Node {
        name: &node.name,
        role: if node.primary { "primary" } else { "replica" },
        reachable: node.answers.is_ok(),
        lockwatch: info.and_then(|info| info.text("lockwatch_version")),
    }
}

fn finding<'a>(check: &'a str, finding: &'a finding::Finding, shell: &Shell) -> Finding<'a> {
    let node = finding.node.as_deref();
    Finding {
        check,
        level: finding.level.name(),
        node,
        seen: &finding.seen,
        why: &finding.why,
        todo: &finding.todo,
        commands: finding.remedies.iter().map(|remedy| shell.line(remedy, node)).collect(),
    }
}

fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
