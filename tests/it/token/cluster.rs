//! Tokens in a cluster: sessions move with their slot, and calls that wait for a signature
//! meanwhile must be retried.

use crate::support::cluster::Cluster;
use crate::support::tokens::{Algorithm, Keys, Tokens, code};
use crate::support::{Client, wait_until};

/// Starts a cluster whose nodes have the same keys.
fn cluster(keys: &Keys, algorithm: Algorithm) -> Cluster {
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        let mut client = node.client();
        client.set("jwt-keys", &keys.signing(algorithm, 0));
        client.set("refresh-secret-file", &keys.refresh());
    }
    cluster
}

#[test]
fn a_store_moves_with_its_slot() {
    let keys = Keys::new();
    let cluster = cluster(&keys, Algorithm::EdDsa);
    let slot = cluster.slot("auth:{a}");
    let home = cluster.owner(slot);
    let mut client = cluster.nodes[home].client();
    let first = client.issue("auth:{a} alice");
    let second = client.rotate("auth:{a}", &first.refresh);
    client.call(&["LW.REVOKE", "auth:{a}", "TOKEN", &first.access]);
    let before = client.dump("auth:{a}");
    for to in [(home + 1) % 3, (home + 2) % 3, home] {
        cluster.move_slot(slot, to, || {});
        let mut client = cluster.nodes[to].client();
        assert_eq!(client.dump("auth:{a}"), before);
        assert_eq!(client.verdict("auth:{a}", &first.access), "LWREVOKED");
        assert_eq!(client.verdict("auth:{a}", &second.access), "OK");
    }
    let third = cluster.nodes[home].client().rotate("auth:{a}", &second.refresh);
    assert_eq!(cluster.nodes[home].client().rotate("auth:{a}", &second.refresh), third);
    let elsewhere = &mut cluster.nodes[(home + 1) % 3].client();
    assert_eq!(code(&elsewhere.call(&["LW.VERIFY", "auth:{a}", &third.access])), "MOVED");
}

#[test]
fn moving_a_slot_while_a_token_is_signed_makes_the_client_retry() {
    let keys = Keys::new();
    let cluster = cluster(&keys, Algorithm::Rs256);
    let slot = cluster.slot("auth:{a}");
    let home = cluster.owner(slot);
    let to = (home + 1) % 3;
    let node = &cluster.nodes[home];
    let mut client = node.client();
    client.set("sign-threads", "1");
    let mut tries = 0;
    let mut tokens = client.issue("auth:{a} alice");
    // A signature takes less than a millisecond, so 200 others are queued before the one under
    // test.
    let mut crowd: Vec<Client> = (0..200).map(|_| node.client()).collect();
    wait_until("a slot moves while a token is signed", || {
        tries += 1;
        let mut client = cluster.nodes[cluster.owner(slot)].client();
        if cluster.owner(slot) != home {
            cluster.move_slot(slot, home, || {});
            client = node.client();
        }
        let issued = client.token_info("issued_total");
        for (n, waiting) in crowd.iter_mut().enumerate() {
            waiting.send(&["LW.ISSUE", "crowd:{a}", &format!("user{n}")]);
        }
        let mut waiting = node.client();
        waiting.send(&["LW.ROTATE", "auth:{a}", &tokens.refresh]);
        wait_until("the calls are queued", || client.token_info("issued_total") == issued + 200);
        client.run("DEL crowd:{a}");
        cluster.move_slot(slot, to, || {});
        let answer = waiting.read();
        for waiting in &mut crowd {
            waiting.read();
        }
        // Whatever the reply was, the same token gives the same successor on the new node.
        let again = cluster.nodes[to].client().rotate("auth:{a}", &tokens.refresh);
        if !answer.is_error() {
            assert_eq!(Tokens::of(&answer), again);
        }
        tokens = again;
        answer.is_error() && {
            assert!(["TRYAGAIN", "MOVED", "ASK"].contains(&code(&answer).as_str()), "{answer:?}");
            true
        }
    });
}
