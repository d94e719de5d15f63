//! The test cases of CrowdSec's hub, which `tests/data/README.md` describes, as events of a real
//! server: the same events raise alerts there, after restarts and on promoted replicas too.

mod cases;
#[path = "../../../../src/guard/corpus/lines.rs"]
#[expect(dead_code, reason = "no rule counts travel")]
mod lines;

use crate::support::receiver::Receiver;
use crate::support::{Builder, Client, Server};
use cases::{Case, PARTS, cases, file, rules};

/// Rules with the same names that count differently and ban, for a server that must not use them.
fn other_rules(cases: &[Case]) -> String {
    let rule = |case: &Case| format!("{} rule key hit,success each ban 1m enforce\n", case.guard());
    cases.iter().map(rule).collect()
}

/// What must be equal on all copies of the cases' keys.
#[track_caller]
fn copies(client: &mut Client, cases: &[Case]) -> Vec<(String, i64)> {
    cases.iter().map(|case| copy(client, case)).collect()
}

#[track_caller]
fn copy(client: &mut Client, case: &Case) -> (String, i64) {
    let digest = client.run(&format!("DEBUG DIGEST-VALUE {}", case.guard())).texts().remove(0);
    (digest, client.run(&format!("PEXPIRETIME {}", case.guard())).int())
}

#[test]
fn the_cases_without_a_rule_are_travel_and_gaps_between_distinct_values() {
    let left_out = lines::all().into_iter().filter(|line| cases::count(line).is_none());
    let names: Vec<_> = left_out.map(|line| line.test).collect();
    assert_eq!(names, ["sftpgo-impossible-travel", "teleport-impossible-travel", "dovecot-time-based-bf"]);
}

#[test]
fn the_events_of_the_corpus_raise_alerts_that_raise_one_in_crowdsec() {
    let server = Server::start();
    let mut client = server.client();
    let mut cases = cases(&mut client);
    assert_eq!(cases.len(), 56);
    client.set("guard-rules-file", &file(&server, &rules(&cases)));
    for case in &mut cases {
        case.send_all(&mut client);
    }
    cases.iter().for_each(Case::assert_fired);
}

#[test]
fn each_firing_replies_that_it_alerted_while_its_alerts_are_rolled_up() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    client.set("guard-rules-file", &file(&server, "site rule key hit each alert enforce"));
    let events = client.run_all(&["LW.EVENT site hit KEY k"; 30]);
    assert!(events.iter().all(cases::alerted));
    assert_eq!(client.alert_info("rolled_up_total"), 20);
}

#[test]
fn a_restart_from_an_aof_with_preamble_keeps_every_count() {
    let aof = Server::builder().config("appendonly yes").config("appendfsync always");
    restarts_keep_every_count(aof.config("aof-use-rdb-preamble yes"), "BGREWRITEAOF");
}

#[test]
fn a_restart_from_an_aof_without_preamble_keeps_every_count() {
    let aof = Server::builder().config("appendonly yes").config("appendfsync always");
    restarts_keep_every_count(aof.config("aof-use-rdb-preamble no"), "BGREWRITEAOF");
}

#[test]
fn a_restart_from_an_rdb_file_keeps_every_count() {
    restarts_keep_every_count(Server::builder(), "SAVE");
}

/// Restarts a server in the middle of all cases. The AOF is rewritten once, so that one restart
/// reads effects and one reads whole values.
fn restarts_keep_every_count(builder: Builder, save: &str) {
    let mut server = builder.start();
    let mut client = server.client();
    let mut cases = cases(&mut client);
    for part in 0..PARTS {
        client.set("guard-rules-file", &file(&server, &rules(&cases)));
        cases.iter_mut().for_each(|case| case.send(&mut client, part));
        let before = copies(&mut client, &cases);
        if part > 0 || save == "SAVE" {
            assert!(!client.run(save).is_error());
            client.wait_for_aof_rewrite();
        }
        server.kill();
        // It loads the keys with the built-in rules.
        server.start_again();
        client = server.client();
        assert_eq!(copies(&mut client, &cases), before);
    }
    cases.iter().for_each(Case::assert_fired);
}

#[test]
fn replicas_with_other_rules_have_equal_counts_and_go_on_with_the_right_rules_when_promoted() {
    let one = Server::start();
    let other = Server::builder().replica_of(&one).start();
    let mut cases = cases(&mut one.client());
    let (right, wrong) = (rules(&cases), other_rules(&cases));
    let (mut primary, mut replica) = (&one, &other);
    for part in 0..PARTS {
        let (mut client, mut there) = (primary.client(), replica.client());
        client.set("guard-rules-file", &file(primary, &right));
        there.set("guard-rules-file", &file(replica, &wrong));
        for case in &mut cases {
            case.send(&mut client, part);
            primary.wait_for_replica(replica);
            assert_eq!(copy(&mut client, case), copy(&mut there, case), "{}", case.name());
        }
        assert_eq!(there.run("REPLICAOF NO ONE").text(), "OK");
        let address = replica.address();
        assert_eq!(client.run(&format!("REPLICAOF {} {}", address.ip(), address.port())).text(), "OK");
        replica.wait_for_replica(primary);
        (primary, replica) = (replica, primary);
    }
    cases.iter().for_each(Case::assert_fired);
}
