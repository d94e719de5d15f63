//! The commands of `docs/guides/limit/policies.md` for a cluster.

use std::process::Command;

use super::super::support::cluster::Cluster;
use super::{digest, ok};

const GUIDE: &str = include_str!("../../../docs/guides/limit/policies.md");

#[test]
fn the_commands_of_the_guide_set_a_policy_on_every_primary() {
    let cluster = Cluster::start();
    ok(&mut cluster.nodes[0].client(), "LW.POLICY SET before 1 1s");
    let commands = GUIDE.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let port = cluster.nodes[0].address().port();
    let output = Command::new("bash")
        .args(["-ec", &commands.replace("6381", &port.to_string())])
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let of_nodes: Vec<_> = cluster.nodes.iter().map(|node| digest(&mut node.client())).collect();
    assert!(of_nodes.iter().all(|digest| shown.contains(digest.as_str())), "{shown}");
    // The node that has another policy differs.
    assert!(of_nodes[0] != of_nodes[1] && of_nodes[1] == of_nodes[2]);
    for node in &cluster.nodes {
        assert_eq!(node.client().run("LW.POLICY WHICH login k").field("limits").items().len(), 2);
    }
}
