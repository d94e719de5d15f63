//! The result for people: worst first, equal findings of several servers together.

use std::io::{self, Write};

use super::check::{Check, Checked};
use super::facts::Facts;
use super::finding::{Finding, Level, Remedy};
use super::remedy::Shell;
use crate::text::printable;

const WIDTH: usize = 100;
const INDENT: &str = "  ";
/// More checks that were skipped for one reason are counted, and not named.
const MANY: usize = 10;

pub fn list(out: &mut impl Write, checks: &[&Check]) -> io::Result<()> {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    checks.iter().try_for_each(|check| writeln!(out, "{:width$}  {}", check.name, check.about))
}

/// A finding, and the servers on which it was found.
struct Group<'a> {
    check: &'static str,
    finding: &'a Finding,
    /// Each server and what was seen there.
    seen: Vec<(&'a str, &'a str)>,
}

pub fn report(
    out: &mut impl Write,
    facts: &Facts,
    checked: &[Checked],
    shell: &Shell,
    colours: bool,
) -> io::Result<()> {
    let mut groups = groups(checked);
    groups.sort_by_key(|group| std::cmp::Reverse(group.finding.level));
    let (skipped, shown): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|group| group.finding.level == Level::Skipped);
    for group in &shown {
        write_group(out, group, shell, colours)?;
    }
    write_skipped(out, &skipped)?;
    writeln!(out, "{}", summary(facts, checked, &shown))
}

fn groups(checked: &[Checked]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (check, finding) in
        checked.iter().flat_map(|it| it.findings.iter().map(|finding| (it.check.name, finding)))
    {
        let here = (finding.node.as_deref().unwrap_or_default(), finding.seen.as_str());
        let same = groups.iter_mut().find(|group| group.check == check && is_same(group.finding, finding));
        match same {
            Some(group) => group.seen.push(here),
            None => groups.push(Group { check, finding, seen: vec![here] }),
        }
    }
    groups
}

/// Whether two findings differ in the server and the value alone. Two of one server are two.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.node.is_some()
        && one.node != other.node
        && (one.level, &one.why, &one.todo, &one.remedies)
            == (other.level, &other.why, &other.todo, &other.remedies)
}

fn write_group(out: &mut impl Write, group: &Group<'_>, shell: &Shell, colours: bool) -> io::Result<()> {
    let finding = group.finding;
    let (colour, word) = match finding.level {
        Level::Error => ("31;1", "ERROR"),
        Level::Warning => ("33;1", "WARNING"),
        _ => ("36", "NOTE"),
    };
    let word = if colours { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
    let nodes: Vec<String> = group.seen.iter().map(|(node, _)| printable(node.as_bytes())).collect();
    let place =
        if nodes.iter().all(String::is_empty) { String::new() } else { format!("  {}", nodes.join(", ")) };
    writeln!(out, "{word}  {}{place}", group.check)?;
    if group.seen.iter().all(|(_, seen)| *seen == finding.seen) {
        paragraph(out, "Seen", &finding.seen)?;
    } else {
        for (node, seen) in &group.seen {
            paragraph(out, "Seen", &format!("{}: {seen}", printable(node.as_bytes())))?;
        }
    }
    paragraph(out, "Why", &finding.why)?;
    paragraph(out, "Do", &finding.todo)?;
    for (number, (node, _)) in group.seen.iter().enumerate() {
        // One node of a cluster is enough.
        let once = |remedy: &&Remedy| number == 0 || !matches!(remedy, Remedy::Cluster(_));
        for remedy in finding.remedies.iter().filter(once) {
            writeln!(
                out,
                "{INDENT}      {}",
                visible(&shell.line(remedy, finding.node.as_ref().map(|_| *node)))
            )?;
        }
    }
    writeln!(out)
}

/// A label and a text, wrapped.
fn paragraph(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut line = format!("{INDENT}{:<6}", format!("{label}:"));
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{line}")?;
            line = format!("{INDENT}      ");
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}")
}

/// Skipped checks by their reason.
fn write_skipped(out: &mut impl Write, skipped: &[Group<'_>]) -> io::Result<()> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for group in skipped {
        let todo = &group.finding.todo;
        let reason = if todo.is_empty() {
            group.finding.seen.clone()
        } else {
            format!("{}; {todo}", group.finding.seen)
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, checks)) => checks.push(group.check),
            None => reasons.push((reason, vec![group.check])),
        }
    }
    for (reason, mut checks) in reasons {
        checks.dedup();
        let names = if checks.len() > MANY { plural(checks.len(), "check") } else { checks.join(", ") };
        writeln!(out, "SKIPPED  {names}")?;
        paragraph(out, "Why", &reason)?;
        writeln!(out)?;
    }
    Ok(())
}

/// `2 errors, 1 warning; 60 checks on 3 servers`
fn summary(facts: &Facts, checked: &[Checked], shown: &[Group<'_>]) -> String {
    let count = |level: Level| shown.iter().filter(|group| group.finding.level == level).count();
    let some = |n: usize, word: &str| (n > 0).then(|| plural(n, word));
    let found: Vec<String> = [
        some(count(Level::Error), "error"),
        some(count(Level::Warning), "warning"),
        some(count(Level::Note), "note"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let skipped = checked.iter().filter(|it| it.findings.iter().any(|it| it.level == Level::Skipped)).count();
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    let looked = format!("{} on {}", plural(checked.len(), "check"), plural(facts.nodes.len(), "server"));
    if found.is_empty() {
        format!("{looked}{skipped}: all is well")
    } else {
        format!("{}; {looked}{skipped}", found.join(", "))
    }
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// A line to copy: as it is, unless it could change the terminal.
fn visible(line: &str) -> String {
    if line.chars().any(char::is_control) { printable(line.as_bytes()) } else { line.to_owned() }
}
