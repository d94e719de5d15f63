//! Guards in a cluster.

use super::Verdict;
use crate::support::cluster::Cluster;

#[test]
fn a_guard_moves_with_its_slot_and_keeps_bans_and_counts() {
    let cluster = Cluster::start();
    let (one, other) = ("login:{a}", "login:{b}");
    let (slot, elsewhere) = (cluster.slot(one), cluster.slot(other));
    let home = cluster.owner(slot);
    assert_ne!(cluster.owner(elsewhere), home, "the test needs two nodes");
    for node in &cluster.nodes {
        node.client().set("guard-learn", "0");
    }
    let mut client = cluster.nodes[home].client();
    client.run(&format!("LW.BAN {one} IP 198.51.100.0/24 FOR 1h"));
    for n in 0..11 {
        client.run(&format!("LW.EVENT {one} failure IP 203.0.113.7 USER user{n}"));
    }
    for _ in 0..5 {
        client.run(&format!("LW.ATTEMPT {one} IP 203.0.113.8 USER alice"));
    }
    let moved = client.run(&format!("LW.CHECK {other} IP 198.51.100.1"));
    assert!(moved.error().starts_with(&format!("MOVED {elsewhere} ")), "{moved:?}");
    let mut there = cluster.nodes[cluster.owner(elsewhere)].client();
    let verdict = Verdict::of(&there.run(&format!("LW.CHECK {other} IP 198.51.100.1")));
    assert_eq!(verdict.says(), (0, ""), "each guard has its own bans");
    let before = client.dump(one);
    for to in [(home + 1) % 3, (home + 2) % 3, home] {
        cluster.move_slot(slot, to, || {});
        let mut client = cluster.nodes[to].client();
        assert_eq!(client.dump(one), before);
        for (subject, says) in [
            ("IP 198.51.100.1", (2, "operator")),
            ("IP 203.0.113.7 USER any", (2, "stuffing")),
            ("IP 203.0.113.8 USER alice", (0, "")),
        ] {
            let verdict = Verdict::of(&client.run(&format!("LW.CHECK {one} {subject}")));
            assert_eq!(verdict.says(), says, "{subject}");
        }
    }
    let verdict = Verdict::of(&client.run(&format!("LW.ATTEMPT {one} IP 203.0.113.8 USER alice")));
    assert_eq!(verdict.says(), (1, "guess"), "the sixth attempt");
    assert_eq!(client.run(&format!("LW.LIFT {one} ALL")).int(), 3);
}
