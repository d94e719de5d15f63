//! Primaries and replicas.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Facts, Seen};
use super::super::finding::{Finding, Level};
use super::{bytes, duration, found, well};
use crate::connect::fleet::Kind;

pub const CHECKS: &[Check] = &[
    Check {
        name: "replica-link",
        about: "replicas are connected to their primary",
        look: Look::Server(link),
    },
    Check {
        name: "replica-lag",
        about: "replicas have what their primary has sent",
        look: Look::Server(lag),
    },
    Check { name: "replica-writes", about: "replicas take no writes of clients", look: Look::Server(writes) },
    Check {
        name: "min-replicas",
        about: "a primary has as many replicas as min-replicas-to-write asks for",
        look: Look::Server(min_replicas),
    },
    Check {
        name: "one-primary",
        about: "no two primaries come from the same data",
        look: Look::Fleet(one_primary),
    },
    Check {
        name: "cluster-replicas",
        about: "every primary of a cluster has a replica",
        look: Look::Fleet(cluster_replicas),
    },
];

const LAG_BYTES: i64 = 16 << 20;

fn link(node: Seen<'_>) -> Outcome {
    if node.primary || node.text("master_link_status")? == "up" {
        return well();
    }
    if node.number("master_sync_in_progress")? == 1 {
        return found(
            Finding::warning("the replica is being synchronised")
                .why("Until that has finished, a failover to it would lose data.")
                .todo("Wait, then run this again."),
        );
    }
    let since = node.number("master_link_down_since_seconds")?.max(0);
    let primary = format!("{}:{}", node.text("master_host")?, node.text("master_port")?);
    found(
        Finding::error(format!(
            "the link to the primary {primary} is down for {}",
            duration(since.saturating_mul(1000))
        ))
        .why(
            "The replica falls behind, and a failover to it would lose what it has not received: \
                 limits, sessions, bans and audit events.",
        )
        .todo(
            "Is the primary up and reachable from here? Are masteruser and masterauth right? The \
                 replica's log says why.",
        )
        .redis("INFO replication"),
    )
}

fn lag(node: Seen<'_>) -> Outcome {
    if !node.primary {
        return well();
    }
    let sent = node.number("master_repl_offset")?;
    let mut findings = Vec::new();
    for line in (0..).map_while(|i| node.answers.info.as_ref().ok()?.text(&format!("slave{i}"))) {
        let members = crate::info::Info::members(line);
        let member = |name: &str| members.get(name).copied().unwrap_or_default();
        let behind = sent.saturating_sub(member("offset").parse().unwrap_or(sent));
        if member("state") == "online" && behind > LAG_BYTES {
            findings.push(
                Finding::warning(format!(
                    "the replica {}:{} is behind by {}",
                    member("ip"),
                    member("port"),
                    bytes(behind)
                ))
                .why("A failover to it would lose these writes, and its buffer takes memory of the primary.")
                .todo(
                    "Is the network, or the replica's CPU, too slow for the writes? If the buffer \
                     overflows, the replica is synchronised anew.",
                )
                .redis("INFO replication"),
            );
        }
    }
    Ok(findings)
}

fn writes(node: Seen<'_>) -> Outcome {
    if node.primary || node.directive("replica-read-only")? != "no" {
        return well();
    }
    found(
        Finding::warning("replica-read-only is no")
            .why(
                "For each call that this replica admits itself, it skips one change of the key that its \
                 primary sends. Its copy then differs.",
            )
            .todo(
                "Make it read-only, and synchronise it anew if clients have written to it. Then CONFIG \
                 REWRITE.",
            )
            .redis("CONFIG SET replica-read-only yes"),
    )
}

fn min_replicas(node: Seen<'_>) -> Outcome {
    let wanted = node.directive("min-replicas-to-write")?.parse::<i64>().unwrap_or(0);
    let max_lag = node.directive("min-replicas-max-lag")?.parse::<i64>().unwrap_or(0);
    // Only a server where both are set counts its good replicas.
    let Some(good) = node.info()?.number("min_slaves_good_slaves") else { return well() };
    if !node.primary || wanted == 0 || max_lag == 0 || good >= wanted {
        return well();
    }
    found(
        Finding::error(format!(
            "min-replicas-to-write is {wanted}; replicas that are connected and not late: {good}"
        ))
        .why("The primary answers NOREPLICAS to every write, also to LW.RATELIMIT and LW.AUDIT.")
        .todo("Bring the replicas back. If that takes long, accept the risk for a while:")
        .redis("CONFIG SET min-replicas-to-write 0"),
    )
}

/// After a copy or a split, two primaries have the history of one.
fn one_primary(facts: &Facts) -> Outcome {
    const NONE: &str = "0000000000000000000000000000000000000000";
    let mut histories: Vec<(&str, Vec<&str>)> = Vec::new();
    for node in facts.primaries() {
        let ids = [node.text("master_replid")?, node.text("master_replid2")?];
        histories.push((node.name, ids.into_iter().filter(|id| !id.is_empty() && *id != NONE).collect()));
    }
    let mut findings = Vec::new();
    for (i, (name, ids)) in histories.iter().enumerate() {
        for (other, theirs) in &histories[i + 1..] {
            if ids.iter().any(|id| theirs.contains(id)) {
                findings.push(
                    Finding::error(format!(
                        "{name} and {other} are both primaries, and have the same replication history"
                    ))
                    .why(
                        "One is a copy of the other, or a failover has left two primaries. Both send the \
                         alerts and audit events that they held at that time, and what clients write to \
                         the wrong one is lost.",
                    )
                    .todo(
                        "Find out which is the right one. Hold the deliveries of the other one back at \
                         once, and make it a replica or stop it.",
                    )
                    .redis("CONFIG SET lockwatch.ship no    # on the wrong one only"),
                );
            }
        }
    }
    Ok(findings)
}

fn cluster_replicas(facts: &Facts) -> Outcome {
    if facts.kind != Kind::Cluster {
        return well();
    }
    let mut counts: Vec<(&str, i64)> = Vec::new();
    for node in facts.seen().filter(|node| node.primary && !node.slots.is_empty()) {
        counts.push((node.name, node.number("connected_slaves")?));
    }
    if !counts.is_empty() && counts.iter().all(|(_, replicas)| *replicas == 0) {
        return found(
            Finding::note("no primary of the cluster has a connected replica")
                .why("If one fails, its slots are served by nobody, and what only it had is lost.")
                .todo("Add a replica of each if the service must survive the loss of a server."),
        );
    }
    let alone = counts.iter().filter(|(_, replicas)| *replicas == 0);
    let finding = |(name, _): &(&str, i64)| {
        Finding::at(Level::Warning, "this primary has no connected replica, and others have")
            .why("If it fails, its slots are served by nobody, and what only it had is lost.")
            .todo("Start its replica, or add one.")
            .cluster("check")
            .on(name)
    };
    Ok(alone.map(finding).collect())
}
