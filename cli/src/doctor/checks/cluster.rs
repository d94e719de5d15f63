//! Nodes and slots of a cluster.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Seen, asked};
use super::super::finding::Finding;
use super::{found, well};

pub const CHECKS: &[Check] = &[
    Check { name: "cluster-slots", about: "every slot of the cluster is served", look: Look::Server(slots) },
    Check { name: "cluster-nodes", about: "every slot's node answers the others", look: Look::Server(nodes) },
];

const SLOTS: i64 = 16384;

fn slots(node: Seen<'_>) -> Outcome {
    let cluster = asked(&node.answers.cluster)?;
    let Some(assigned) = cluster.number("cluster_slots_assigned") else { return well() };
    let state = cluster.text("cluster_state").unwrap_or_default();
    if assigned == SLOTS && state == "ok" {
        return well();
    }
    found(
        Finding::error(format!(
            "{assigned} of {SLOTS} slots are assigned, and the state of the cluster is {state}"
        ))
        .why(
            "Calls whose key is in a slot without a node are answered CLUSTERDOWN. With \
             cluster-require-full-coverage so are all others.",
        )
        .todo(
            "Bring the missing nodes back. Only if one is lost for good, give its slots to others: \
             redis-cli --cluster fix. What was in them is lost then.",
        )
        .cluster("check"),
    )
}

fn nodes(node: Seen<'_>) -> Outcome {
    let cluster = asked(&node.answers.cluster)?;
    let number = |name: &str| cluster.number(name).unwrap_or(0);
    let (suspected, failed) = (number("cluster_slots_pfail"), number("cluster_slots_fail"));
    if suspected == 0 && failed == 0 {
        return well();
    }
    found(
        Finding::error(format!(
            "nodes of {failed} slots have failed, and those of {suspected} slots do not answer this node"
        ))
        .why("Calls for these slots fail until the nodes are back, or replicas of theirs take over.")
        .todo("Look for nodes with 'fail' or 'fail?', and bring them back.")
        .redis("CLUSTER NODES"),
    )
}
