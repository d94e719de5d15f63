//! The result as JSON. docs/reference/program/doctor.md describes the shape.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::check::{Check, Checked};
use super::facts::{Facts, NodeFacts};
use super::finding::{Finding, Level};
use super::remedy::Shell;
use crate::connect::fleet::Kind;

/// The version of the shape. It grows when a member is removed or means something else.
const SHAPE: u32 = 1;

pub fn list(out: &mut impl Write, checks: &[&Check]) -> io::Result<()> {
    let checks: Vec<Value> =
        checks.iter().map(|check| json!({"name": check.name, "about": check.about})).collect();
    write(out, &json!({"shape": SHAPE, "checks": checks}))
}

pub fn report(out: &mut impl Write, facts: &Facts, checked: &[Checked], shell: &Shell) -> io::Result<()> {
    let count = |level: Level| {
        checked.iter().flat_map(|it| &it.findings).filter(|finding| finding.level == level).count()
    };
    let worst = checked.iter().map(Checked::level).max().unwrap_or(Level::Ok);
    write(
        out,
        &json!({
            "shape": SHAPE,
            "deployment": match facts.kind {
                Kind::Standalone => "standalone",
                Kind::Sentinel => "sentinel",
                Kind::Cluster => "cluster",
            },
            "nodes": facts.nodes.iter().map(node).collect::<Vec<_>>(),
            "level": worst.name(),
            "counts": {
                "error": count(Level::Error),
                "warning": count(Level::Warning),
                "note": count(Level::Note),
                "skipped": count(Level::Skipped),
            },
            "checks": checked.iter().map(|it| check(it, shell)).collect::<Vec<_>>(),
        }),
    )
}

fn node(node: &NodeFacts) -> Value {
    let info = node.answers.as_ref().ok().and_then(|answers| answers.info.as_ref().ok());
    json!({
        "name": node.name,
        "role": if node.primary { "primary" } else { "replica" },
        "reachable": node.answers.is_ok(),
        "lockwatch": info.and_then(|info| info.text("lockwatch_version")),
    })
}

fn check(checked: &Checked, shell: &Shell) -> Value {
    json!({
        "name": checked.check.name,
        "level": checked.level().name(),
        "findings": checked.findings.iter().map(|it| finding(it, shell)).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding, shell: &Shell) -> Value {
    let node = finding.node.as_deref();
    json!({
        "level": finding.level.name(),
        "node": node,
        "seen": finding.seen,
        "why": finding.why,
        "todo": finding.todo,
        "commands": finding.remedies.iter().map(|remedy| shell.line(remedy, node)).collect::<Vec<_>>(),
    })
}

fn write(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
