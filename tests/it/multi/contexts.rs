//! MULTI, scripts, RESP3, maxmemory, replicas, ACL.

use crate::hostile::refused;
use crate::support::{MultiReply, Server, Value};

#[test]
fn calls_in_one_transaction_see_each_others_changes() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client
        .multi(&[
            "LW.MRATELIMIT a 3 60 2 b 9 60 1",
            "LW.MRATELIMIT b 9 60 1 a 3 60 2",
            "LW.MPEEK a 3 60 1 b 9 60 1",
        ])
        .expect("nothing is watched");
    let replies: Vec<_> = answers.iter().map(MultiReply::of).collect();
    assert_eq!(replies.iter().map(|reply| reply.limited).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(replies[2].remaining(), [0, 7]);
    client.run("MULTI");
    client.run("LW.MRATELIMIT c 1 60 1");
    client.run("DISCARD");
    assert_eq!(client.run("EXISTS c").int(), 0);
}

#[test]
fn a_transaction_and_a_script_replicate_the_same_state() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.multi(&[
        "LW.MRATELIMIT a 9 1h 2 b 9 1h 1",
        "LW.RATELIMIT a 9 1h",
        "LW.MRATELIMIT a 9 1h 2 c 9 1h 1",
    ]);
    let script = "for i = 1, 3 do redis.call('LW.MRATELIMIT', KEYS[1], 9, '1h', 1, KEYS[2], 50, '1h', 4) end";
    assert!(!client.call(&["EVAL", script, "2", "b", "d"]).is_error());
    primary.wait_for_replica(&replica);
    let state = crate::support::state::State::of(&mut client);
    state.assert_same(&crate::support::state::State::of(&mut replica.client()));
    assert_eq!(client.mpeek("a 9 1h 0 b 9 1h 0 c 9 1h 0 d 50 1h 0").remaining(), [4, 5, 8, 38]);
}

#[test]
fn a_script_gets_the_integers_and_the_errors() {
    let server = Server::start();
    let mut client = server.client();
    let call = "return redis.call('LW.MRATELIMIT', KEYS[1], 2, '1h', 1, KEYS[2], 5, '1h', 1)";
    for limited in [0, 0, 1] {
        let answer = client.call(&["EVAL", call, "2", "any key", "other"]);
        assert_eq!((answer.ints()[0], answer.ints().len()), (limited, 10));
    }
    let malformed = "return redis.call('LW.MPEEK', KEYS[1], 2, '1h', 'x')";
    assert!(refused(&mut client, &["EVAL", malformed, "1", "other"]).contains("cost 'x' is not"));
    let peek = "return redis.call('LW.MPEEK', KEYS[1], 2, '1h', 1, KEYS[2], 5, '1h', 1)";
    assert_eq!(client.call(&["EVAL_RO", peek, "2", "any key", "other"]).ints()[0], 1);
    let message = refused(&mut client, &["EVAL_RO", call, "2", "any key", "other"]);
    assert!(message.contains("Write commands are not allowed"), "{message}");
}

#[test]
fn replies_are_the_same_in_resp3() {
    let server = Server::start();
    let mut client = server.client();
    client.run("HELLO 3");
    assert_eq!(
        client.run("LW.MPEEK a 2 60 1 b 5 1h 0"),
        Value::Array([0, 0, 0, 0, 2, 1, 60_000, 5, 5, 0].map(Value::Int).to_vec())
    );
}

#[test]
fn at_maxmemory_recording_is_refused_and_peeking_works() {
    let server = Server::start();
    let mut client = server.client();
    client.mratelimit("held 10 1h 3 other 5 1h 1");
    client.run("CONFIG SET maxmemory 1");
    for call in ["LW.MRATELIMIT held 10 1h 1 other 5 1h 1", "LW.MRATELIMIT held 1 1h 1"] {
        let message = refused(&mut client, &call.split(' ').collect::<Vec<_>>());
        assert!(message.starts_with("OOM "), "{message}");
    }
    assert_eq!(client.mpeek("held 10 1h 0 other 5 1h 0").remaining(), [7, 4]);
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.mratelimit("held 10 1h 1 other 5 1h 1").remaining(), [6, 3]);
}

#[test]
fn a_replica_answers_mpeek_and_refuses_mratelimit() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    primary.client().mratelimit("a 5 1h 2 b 9 1h 1");
    primary.wait_for_replica(&replica);
    let mut there = replica.client();
    assert_eq!(there.mpeek("a 5 1h 0 b 9 1h 0 c 1 1h 0").remaining(), [3, 8, 1]);
    let message = refused(&mut there, &["LW.MRATELIMIT", "a", "5", "1h", "1"]);
    assert!(message.starts_with("READONLY"), "{message}");
}

#[test]
fn a_user_needs_access_to_every_key() {
    let server = Server::start();
    let mut admin = server.client();
    admin.run("ACL SETUSER guest reset on nopass %RW~mine:* %R~ours:* +lw.mratelimit +lw.mpeek");
    let mut client = server.client();
    client.run("AUTH guest any");
    assert_eq!(client.run("LW.MRATELIMIT mine:1 5 60 1 mine:2 5 60 1").ints()[0], 0);
    for call in ["LW.MRATELIMIT mine:1 5 60 1 ours:1 5 60 1", "LW.MPEEK mine:1 5 60 1 theirs 5 60 1"] {
        assert!(client.run(call).error().starts_with("NOPERM"), "{call}");
    }
    assert_eq!(client.run("LW.MPEEK mine:1 5 60 1 ours:1 5 60 1").ints()[0], 0);
    assert_eq!(admin.peek("mine:1 5 60 COST 0").remaining, 4);
}
