//! Calls on several keys: all keys of a call are in one slot.

use crate::support::cluster::Cluster;
use crate::support::{MultiReply, Server};

fn owner<'a>(cluster: &'a Cluster, key: &str) -> &'a Server {
    &cluster.nodes[cluster.owner(cluster.slot(key))]
}

#[test]
fn keys_with_one_hash_tag_are_judged_together_and_others_are_refused() {
    let cluster = Cluster::start();
    let mut client = owner(&cluster, "{t}").client();
    let tagged = "{t}:user 3 1h 1 {t}:tenant 5 1h 1 {t} 9 1h 1 {t}:tenant 50 1d 1";
    for left in [2, 1, 0] {
        let reply = client.mratelimit(tagged);
        assert_eq!(reply.remaining(), [left, left + 2, left + 6, left + 47]);
    }
    assert!(client.mratelimit(tagged).limited);
    assert_eq!(client.mpeek(tagged).binding, 0);
    let before = client.run("DEBUG DIGEST");
    let slot = |key: &str| cluster.slot(key);
    let apart = ["a", "b", "c", "d"].iter().find(|key| slot(key) != slot("{t}")).expect("four slots");
    for line in [
        format!("LW.MRATELIMIT {{t}}:user 9 1h 1 {apart} 9 1h 1"),
        format!("LW.MPEEK {{t}}:user 9 1h 1 {{t}} 9 1h 1 {apart} 9 1h 1"),
        format!("LW.MRATELIMIT {apart} 9 1h 1 {{t}}:user 9 1h 1"),
    ] {
        for node in &cluster.nodes {
            assert!(node.client().run(&line).error().starts_with("CROSSSLOT"), "{line}");
        }
    }
    assert_eq!(client.run("DEBUG DIGEST"), before);
}

#[test]
fn a_node_that_does_not_own_the_slot_answers_moved_and_the_keys_move_together() {
    let cluster = Cluster::start();
    let line = "LW.MRATELIMIT {t}:a 9 1h 1 {t}:b 9 1h 2";
    let slot = cluster.slot("{t}");
    let from = cluster.owner(slot);
    for (i, node) in cluster.nodes.iter().enumerate() {
        let answer = node.client().run(line);
        if i == from {
            assert_eq!(MultiReply::of(&answer).remaining(), [8, 7]);
        } else {
            assert_eq!(answer.error(), format!("MOVED {slot} {}", cluster.nodes[from].address()));
        }
    }
    let to = (from + 1) % 3;
    cluster.move_slot(slot, to, || {});
    assert_eq!(cluster.nodes[to].client().mratelimit("{t}:a 9 1h 1 {t}:b 9 1h 2").remaining(), [7, 5]);
}
