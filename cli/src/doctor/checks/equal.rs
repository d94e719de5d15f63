//! What has to be the same on all servers.

use std::collections::BTreeMap;

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Asked, Facts, Seen, asked};
use super::super::finding::{Finding, Level};
use super::well;
use crate::info::Info;

pub const CHECKS: &[Check] = &[
    Check {
        name: "directives",
        about: "the directives of lockwatch are the same on all servers",
        look: Look::Fleet(directives),
    },
    Check {
        name: "key-ids",
        about: "all servers sign and verify with the same keys",
        look: Look::Fleet(key_ids),
    },
    Check {
        name: "refresh-secrets",
        about: "all servers have the same refresh secrets",
        look: Look::Fleet(refresh_secrets),
    },
    Check {
        name: "guard-rules",
        about: "all servers have the same rules for guards",
        look: Look::Fleet(guard_rules),
    },
    Check { name: "policies", about: "all servers have the same policies", look: Look::Fleet(policies) },
    Check {
        name: "endpoints",
        about: "all servers have the same webhook endpoints",
        look: Look::Fleet(endpoints),
    },
    Check {
        name: "database-hosts",
        about: "all servers ship to the same database",
        look: Look::Fleet(database_hosts),
    },
];

/// Directives whose effect is compared instead, because files may lie in different places, and
/// `ship`, which has a check of its own.
const COMPARED_OTHERWISE: &[&str] = &[
    "guard-rules-file",
    "jwt-keys",
    "jwt-secret-file",
    "postgres-url-file",
    "refresh-secret-file",
    "ship",
    "webhook-secret-file",
    "webhook-urls",
    "webhook-urls-file",
];

/// A value and the servers that have it.
type Groups = Vec<(String, Vec<String>)>;

/// Groups servers by a value. The group of the first server comes first.
fn groups<'a>(
    nodes: impl Iterator<Item = Seen<'a>>,
    value: impl Fn(Seen<'a>) -> Asked<String>,
) -> Asked<Groups> {
    let mut groups = Groups::new();
    for node in nodes {
        let value = value(node)?;
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, names)) => names.push(node.name.to_owned()),
            None => groups.push((value, vec![node.name.to_owned()])),
        }
    }
    Ok(groups)
}

/// `none on 10.0.0.1:6379; a, b on 10.0.0.2:6379`
fn shown(groups: &Groups) -> String {
    let group = |(value, names): &(String, Vec<String>)| {
        let value = if value.is_empty() { "none" } else { value };
        format!("{value} on {}", names.join(", "))
    };
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

/// Each set of servers with something in common, once.
fn same_servers(groups: &Groups) -> String {
    let names: Vec<String> = groups.iter().map(|(_, names)| names.join(", ")).collect();
    names.join(" differ from ")
}

fn directives(facts: &Facts) -> Outcome {
    let mut names: BTreeMap<&str, ()> = BTreeMap::new();
    for node in facts.with_module() {
        names.extend(node.config()?.keys().filter_map(|name| Some((name.strip_prefix("lockwatch.")?, ()))));
    }
    let mut findings = Vec::new();
    for name in names.keys().filter(|name| !COMPARED_OTHERWISE.contains(name)) {
        let value = |node: Seen<'_>| Ok(node.directive(&format!("lockwatch.{name}"))?.to_owned());
        let groups = groups(facts.with_module(), value)?;
        if groups.len() > 1 {
            findings.push(
                Finding::warning(format!("{name}: {}", shown(&groups)))
                    .why(
                        "Directives are not replicated. After a failover the promoted server goes on with \
                         its own, and nodes of a cluster decide differently.",
                    )
                    .todo("Set the right value on each server, also on replicas, then CONFIG REWRITE.")
                    .redis(format!("CONFIG SET lockwatch.{name} VALUE")),
            );
        }
    }
    Ok(findings)
}

/// The member `id` of the numbered lines `field` of a server, in their order.
fn ids(node: Seen<'_>, field: &str, id: &str) -> Asked<String> {
    let info = node.info()?;
    let lines = (0..).map_while(|i| info.text(&format!("{field}_{i}")));
    let ids: Vec<&str> = lines.filter_map(|line| Info::members(line).get(id).copied()).collect();
    Ok(ids.join(" "))
}

/// Whether all servers have the same ids, in another order.
fn is_reordered(groups: &Groups) -> bool {
    let sorted = |(ids, _): &(String, Vec<String>)| {
        let mut ids: Vec<String> = ids.split(' ').map(str::to_owned).collect();
        ids.sort();
        ids
    };
    groups.iter().all(|group| sorted(group) == sorted(&groups[0]))
}

fn key_ids(facts: &Facts) -> Outcome {
    let groups = groups(facts.with_module(), |node| ids(node, "lockwatch_token_key", "kid"))?;
    if groups.len() < 2 {
        return well();
    }
    let (level, why) = if is_reordered(&groups) {
        (
            Level::Warning,
            "The servers sign with different keys, which is part of a change of keys. All of them verify \
             both.",
        )
    } else {
        (
            Level::Error,
            "A token that one server has signed is refused by another (LWINVALID), and a promoted replica \
             without keys answers LWNOKEY. Replicas and nodes of a cluster generate no keys.",
        )
    };
    Ok(vec![
        Finding::at(level, format!("the ids of keys (the first one signs): {}", shown(&groups)))
            .why(why)
            .todo(
                "Give all servers the same files, in the same order, for jwt-keys or jwt-secret-file \
                 (docs/guides/tokens/rotate-keys.md), then on each:",
            )
            .redis("LW.RELOAD"),
    ])
}

fn refresh_secrets(facts: &Facts) -> Outcome {
    let groups = groups(facts.with_module(), |node| ids(node, "lockwatch_token_refresh_secret", "id"))?;
    if groups.len() < 2 {
        return well();
    }
    let (level, why) = if is_reordered(&groups) {
        (
            Level::Warning,
            "The servers make refresh tokens with different secrets, which is part of a change of \
             secrets. All of them take both.",
        )
    } else {
        (
            Level::Error,
            "After a failover, or on another node of a cluster, refresh tokens are refused (LWINVALID) \
             and users have to log in again.",
        )
    };
    let seen = format!("the ids of refresh secrets (the first one makes tokens): {}", shown(&groups));
    Ok(vec![
        Finding::at(level, seen)
            .why(why)
            .todo("Give all servers the same refresh-secret-file, then on each:")
            .redis("LW.RELOAD"),
    ])
}

fn guard_rules(facts: &Facts) -> Outcome {
    let rules = |node: Seen<'_>| Ok(asked(&node.answers.rules)?.join("\n"));
    let groups = groups(facts.with_module(), rules)?;
    if groups.len() < 2 {
        return well();
    }
    let lines: Vec<Vec<&str>> = groups.iter().map(|(rules, _)| rules.lines().collect()).collect();
    let only = lines.iter().flatten().find(|line| !lines.iter().all(|rules| rules.contains(line)));
    let example = only.map(|line| format!("; not all have '{line}'")).unwrap_or_default();
    Ok(vec![
        Finding::error(format!("{}{example}", same_servers(&groups)))
            .why(
                "Rules are not replicated. A server that is promoted applies its own, and answers LWNORULE \
                 for a guard that its file does not have: logins then fail or go unprotected.",
            )
            .todo("Give all servers the same guard-rules-file, replicas too, then on each:")
            .redis("LW.RELOAD"),
    ])
}

fn policies(facts: &Facts) -> Outcome {
    let digest = |node: Seen<'_>| Ok(node.text("lockwatch_policies_digest")?.to_owned());
    // A replica that is away from its primary has another check.
    let current = facts
        .with_module()
        .filter(|node| node.primary || node.text("master_link_status").is_ok_and(|status| status == "up"));
    let groups = groups(current, digest)?;
    if groups.len() < 2 {
        return well();
    }
    Ok(vec![
        Finding::error(format!("the digests of policies: {}", shown(&groups)))
            .why(
                "The same policy limits differently on different nodes, or is unknown on one of them \
                 (LWNOPOLICY).",
            )
            .todo(
                "Compare the lists, and set the right policies on every primary; replicas follow. In a \
                 cluster: redis-cli --cluster call HOST:PORT LW.POLICY SET … --cluster-only-masters",
            )
            .redis("LW.POLICY LIST"),
    ])
}

fn endpoints(facts: &Facts) -> Outcome {
    let urls = |node: Seen<'_>| {
        let info = node.info()?;
        let mut urls: Vec<String> = info
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.get("url").copied().unwrap_or_default().to_owned())
            .collect();
        urls.sort();
        Ok(urls.join(" "))
    };
    let groups = groups(facts.with_module(), urls)?;
    if groups.len() < 2 {
        return well();
    }
    Ok(vec![
        Finding::warning(shown(&groups))
            .why(
                "A promoted replica sends its alerts to its own endpoints only, and each node of a cluster \
                 sends its own alerts.",
            )
            .todo("Set the same webhook-urls or webhook-urls-file on every server, then CONFIG REWRITE.")
            .redis("CONFIG SET lockwatch.webhook-urls-file PATH"),
    ])
}

fn database_hosts(facts: &Facts) -> Outcome {
    let hosts = |node: Seen<'_>| Ok(node.text("lockwatch_audit_postgres")?.to_owned());
    let groups = groups(facts.with_module(), hosts)?;
    if groups.len() < 2 {
        return well();
    }
    Ok(vec![
        Finding::warning(shown(&groups))
            .why(
                "The audit log is split over several places, or a promoted replica keeps its events to \
                 itself, where the oldest are dropped for new ones.",
            )
            .todo("Set the same postgres-url-file on every server, then CONFIG REWRITE.")
            .redis("CONFIG SET lockwatch.postgres-url-file PATH"),
    ])
}
