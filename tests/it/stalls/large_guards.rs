//! What happens to a large guard as a whole does not take time for each of its subjects.

use std::time::Duration;

use crate::support::probe::Stall;
use crate::support::{Client, Server};

use super::stage::Stage;

/// Users, each with an address and a pair: as many as a guard of the default size holds.
const USERS: usize = 20_000;

/// How many times less than DUMP, which reads every subject, something has to compute.
const LESS: u32 = 4;

fn stall(stage: &Stage, client: &mut Client, line: &str) -> Stall {
    stage.server().stall_during(|| {
        let answer = client.run(line);
        assert!(!answer.is_error(), "{line}: {answer:?}");
    })
}

/// A server with a guard in which every pair is challenged.
fn stage() -> (Stage, Client) {
    let stage = Stage::start(Server::builder());
    let mut client = stage.client();
    client.set("guard-max-bytes", "104857600");
    stage.fill(6 * USERS, |n| {
        let user = n / 6;
        let ip = format!("20.0.{}.{}", user >> 8, user & 255);
        ["LW.ATTEMPT", "login", "IP", &ip, "USER", &format!("user-{user}")].map(str::to_owned).to_vec()
    });
    (stage, client)
}

fn whole(stage: &Stage, client: &mut Client) -> Duration {
    stall(stage, client, "DUMP login").busy
}

#[test]
fn copying_freeing_and_emptying_a_guard_is_not_proportional_to_its_size() {
    let (stage, mut client) = stage();
    let whole = whole(&stage, &mut client);
    client.run("SET text a");
    for line in [
        "COPY login login:copy",
        "LW.ATTEMPT login:copy IP 198.51.100.7 USER alice",
        "LW.ATTEMPT login IP 198.51.100.7 USER alice",
        "COPY login login:copy REPLACE",
        "COPY login text REPLACE",
        "SET text a",
        "COPY login login:expired",
        "PEXPIRE login:expired 0",
        "MEMORY USAGE login:copy",
        "DEL login:copy",
        "COPY login login:copy",
        "LW.LIFT login:copy ALL FORGET",
        "FLUSHALL SYNC",
    ] {
        let stall = stall(&stage, &mut client, line);
        assert!(stall.busy * LESS < whole, "{line} computed {:?}, DUMP {whole:?}", stall.busy);
    }
}

#[test]
fn lifting_all_challenges_takes_time_for_each_and_no_more() {
    let (stage, mut client) = stage();
    let whole = whole(&stage, &mut client);
    let stall = stall(&stage, &mut client, "LW.LIFT login ALL");
    assert!(stall.busy < whole * LESS, "LW.LIFT computed {:?}, DUMP {whole:?}", stall.busy);
    let answer = client.run("LW.ATTEMPT login IP 20.0.0.0 USER user-0");
    assert_eq!(answer.items()[0].int(), 0, "the challenge has ended");
}
