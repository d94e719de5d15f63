//! Every call has one key and is served by the node that owns its slot.

use super::super::support::Reply;
use super::super::support::cluster::Cluster;
use super::call;

#[test]
fn keys_spread_over_the_nodes_and_each_has_its_own_limit() {
    const KEYS: i64 = 1500;
    let cluster = Cluster::start();
    let mut connection = cluster.connect();
    let eight = (1..=8).map(|n| format!(" 2 {n}h")).collect::<String>();
    for key in 0..KEYS {
        let quotas = if key % 3 == 0 { &eight } else { " 2 1h" };
        assert_eq!(call(&mut connection, &format!("LW.RATELIMIT user:{key}{quotas}")).remaining, 1);
    }
    for key in 0..KEYS {
        assert_eq!(call(&mut connection, &format!("LW.RATELIMIT user:{key} 2 1h")).remaining, 0);
        assert!(call(&mut connection, &format!("LW.RATELIMIT user:{key} 2 1h")).limited);
        assert_eq!(call(&mut connection, &format!("LW.PEEK user:{key} 5 1h COST 0")).remaining, 3);
    }
    let key_counts: Vec<i64> = cluster.nodes.iter().map(|node| node.client().run("DBSIZE").int()).collect();
    assert_eq!(key_counts.iter().sum::<i64>(), KEYS, "{key_counts:?}");
    assert!(key_counts.iter().all(|n| *n > KEYS / 5), "{key_counts:?}");
    let denied: Vec<i64> = cluster
        .nodes
        .iter()
        .map(|node| node.info("lockwatch").number("lockwatch_ratelimit_denied_total"))
        .collect();
    assert_eq!(denied, key_counts);
}

#[test]
fn a_node_that_does_not_own_the_slot_answers_moved() {
    let cluster = Cluster::start();
    for key in ["a", "b", "c", "d", "e", "{tag}:1", "{tag}:2"] {
        let slot = cluster.slot(key);
        let owner = cluster.owner(slot);
        let address = cluster.nodes[owner].address();
        for (i, node) in cluster.nodes.iter().enumerate() {
            let mut client = node.client();
            for line in [format!("LW.RATELIMIT {key} 5 1h 6 2h COST 2"), format!("LW.PEEK {key} 5 1h")] {
                let answer = client.run(&line);
                if i == owner {
                    let _ = Reply::of(&answer);
                } else {
                    assert_eq!(answer.error(), format!("MOVED {slot} {address}"), "{line}");
                }
            }
        }
    }
    // Keys with the same hash tag are on one node, so a transaction and a script may use them.
    let mut client = cluster.nodes[cluster.owner(cluster.slot("{tag}:1"))].client();
    let answers =
        client.multi(&["LW.RATELIMIT {tag}:1 5 1h", "LW.RATELIMIT {tag}:2 5 1h"]).expect("no WATCH");
    assert!(answers.iter().all(|answer| Reply::of(answer).remaining == 2), "{answers:?}");
    let script =
        "redis.call('LW.RATELIMIT', KEYS[1], 5, '1h') return redis.call('LW.PEEK', KEYS[2], 5, '1h')";
    assert_eq!(Reply::of(&client.call(&["EVAL", script, "2", "{tag}:1", "{tag}:2"])).remaining, 1);
}

#[test]
fn a_client_follows_a_slot_to_its_new_node() {
    let cluster = Cluster::start();
    let mut connection = cluster.connect();
    assert_eq!(call(&mut connection, "LW.RATELIMIT k 9 1h").remaining, 8);
    let slot = cluster.slot("k");
    let mut left = 8;
    for _ in 0..3 {
        let to = (cluster.owner(slot) + 1) % 3;
        cluster.move_slot(slot, to, || {});
        left -= 1;
        assert_eq!(call(&mut connection, "LW.RATELIMIT k 9 1h").remaining, left);
        let keys = |node: usize| cluster.nodes[node].client().run("DBSIZE").int();
        assert_eq!((keys(to), keys(0) + keys(1) + keys(2)), (1, 1), "the new owner alone holds the key");
    }
}
