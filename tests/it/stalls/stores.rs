//! What happens to a large token store as a whole does not take time for each of its sessions.

use std::time::Duration;

use crate::support::probe::Stall;
use crate::support::tokens::{Algorithm, Tokens};
use crate::support::{Client, Value, wait_until};

use super::stage::Stage;

const SESSIONS: usize = 30_000;

/// How many times less than DUMP, which copies every session, something has to compute.
const LESS: u32 = 4;

fn stage() -> (Stage, Client) {
    let stage = Stage::issuing(Algorithm::Hs256);
    stage.fill_store(SESSIONS);
    let client = stage.client();
    (stage, client)
}

fn stall(stage: &Stage, client: &mut Client, line: &str) -> Stall {
    stage.server().stall_during(|| {
        let answer = client.run(line);
        assert!(!answer.is_error(), "{line}: {answer:?}");
    })
}

#[track_caller]
fn assert_short(name: &str, stall: Stall, whole: Duration) {
    assert!(stall.busy * LESS < whole, "{name} computed {:?}, DUMP {whole:?}", stall.busy);
}

#[test]
fn copying_freeing_and_replacing_a_store_is_not_proportional_to_its_size() {
    let (stage, mut client) = stage();
    let whole = stall(&stage, &mut client, "DUMP auth").busy;
    client.run("SET text a");
    for line in [
        "COPY auth copy",
        "LW.ISSUE copy alice",
        "LW.ISSUE auth alice",
        "COPY auth copy REPLACE",
        "COPY auth text REPLACE",
        "SET text a",
        "COPY auth expired",
        "PEXPIRE expired 0",
        "COPY auth unlinked",
        "UNLINK unlinked",
        "MEMORY USAGE copy",
        "DEL copy",
        "COPY auth copy",
        "LW.REVOKEALL copy",
        "FLUSHALL SYNC",
    ] {
        let stall = stall(&stage, &mut client, line);
        assert_short(line, stall, whole);
    }
}

#[test]
fn a_change_of_the_cache_of_signatures_frees_it_elsewhere() {
    let (stage, mut client) = stage();
    client.set("verify-cache-entries", "1000000");
    let tokens: Vec<Tokens> = (0..20_000)
        .collect::<Vec<_>>()
        .chunks(1000)
        .flat_map(|batch| {
            let calls: Vec<_> =
                batch.iter().map(|n| ["LW.ISSUE".into(), "auth".into(), format!("v{n}")]).collect();
            client.pipeline(&calls).iter().map(Tokens::of).collect::<Vec<_>>()
        })
        .collect();
    for batch in tokens.chunks(1000) {
        let calls: Vec<_> = batch.iter().map(|token| ["LW.VERIFY", "auth", &token.access]).collect();
        assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
    }
    let whole = stall(&stage, &mut client, "DUMP auth").busy;
    client.set("verify-cache-entries", "0");
    let verify = format!("LW.VERIFY auth {}", tokens[0].access);
    let stall = stall(&stage, &mut client, &verify);
    assert_short("a smaller cache", stall, whole);
}

#[test]
fn a_copy_and_its_original_change_independently_and_free_their_memory() {
    let (stage, mut client) = stage();
    let token = stage.token();
    client.run("COPY auth copy");
    let subject = client.verify("auth", &token.access)["sub"].as_str().unwrap().to_owned();
    assert_eq!(client.verdict("copy", &token.access), "OK");
    client.run(&format!("LW.REVOKE auth SUBJECT {subject}"));
    assert_eq!(client.verdict("auth", &token.access), "LWREVOKED");
    assert_eq!(client.verdict("copy", &token.access), "OK");
    let other = stage.token();
    let rotated = client.rotate("copy", &other.refresh);
    assert_eq!(client.verdict("copy", &rotated.access), "OK");
    // The original has not seen the rotation, and the copy can't tell whether it was lost there.
    assert_eq!(client.verdict("auth", &other.access), "OK");
    let dump = client.dump("auth");
    client.run("DEL copy");
    assert_eq!(client.dump("auth"), dump);
    client.run("DEL auth");
    let used = |client: &mut Client| client.info("memory").number("used_memory");
    assert_eq!(client.run("DBSIZE"), Value::Int(0));
    wait_until("the sessions are freed", || used(&mut client) < 8 << 20);
}
