//! Checks of faults that a test can't plant in a real server: other versions, other clocks, other
//! modules, and counts that take millions of calls.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::check::{self, Checked};
use super::super::database::{Database, Log, Partition, Role};
use super::super::facts::{Answers, Clock, DatabaseFacts, Facts, Loads, Missing, NodeFacts};
use super::super::finding::Level;
use super::all;
use crate::connect::failure::Failure;
use crate::connect::fleet::Kind;
use crate::info::Info;

/// A server with the module. `info` and `config` are words such as `role=slave`; names of INFO are
/// without `lockwatch_` if they begin with a dot.
fn node(name: &str, info: &str, config: &str) -> NodeFacts {
    let field = |word: &str| {
        let (name, value) = word.split_once('=').unwrap();
        let name = name.strip_prefix('.').map_or(name.to_owned(), |name| format!("lockwatch_{name}"));
        format!("{name}:{value}\n")
    };
    let sound = "redis_version=7.0.15 .version=0.2.0 .ship=1 .journal=1 aof_enabled=1 maxmemory=1000000 \
                 maxmemory_policy=noeviction master_link_status=up";
    let info: String = [sound, info].join(" ").split_ascii_whitespace().map(field).collect();
    let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config: BTreeMap<_, _> = config.split_ascii_whitespace().filter_map(pair).collect();
    let info = Info::parse(&info);
    let clock = Clock { ahead_ms: 0, uncertain_ms: 1, round_trip: Duration::from_micros(100) };
    NodeFacts {
        name: name.to_owned(),
        primary: info.text("role") != Some("slave"),
        slots: Vec::new(),
        answers: Ok(Box::new(Answers {
            info: Ok(info),
            later: None,
            config: Ok(config),
            modules: Ok(Vec::new()),
            clock: Ok(clock),
            whoami: Ok("doctor".to_owned()),
            users: Ok(Vec::new()),
            rules: Ok(Vec::new()),
            alerts: Ok(Vec::new()),
            throttle: Ok(String::new()),
            cluster: Ok(Info::default()),
            loads: Ok(Loads::default()),
        })),
    }
}

fn answers(node: &mut NodeFacts) -> &mut Answers {
    node.answers.as_mut().unwrap()
}

fn facts(nodes: Vec<NodeFacts>) -> Facts {
    Facts {
        kind: Kind::Standalone,
        nodes,
        failure: None,
        plain_password: false,
        database: DatabaseFacts::NotAsked,
    }
}

/// What all checks found: level and name of the check.
fn found(facts: &Facts) -> Vec<(Level, &'static str)> {
    let checked: Vec<Checked> = all().map(|check| check::run(check, facts)).collect();
    let of =
        |it: &Checked| -> Vec<_> { it.findings.iter().map(|found| (found.level, it.check.name)).collect() };
    checked.iter().flat_map(of).collect()
}

/// What is found on a server alone.
fn found_on(info: &str, config: &str) -> Vec<(Level, &'static str)> {
    found(&facts(vec![node("a:1", info, config)]))
}

mod advice;
mod hostile;

use Level::{Error, Note, Skipped, Warning};

#[test]
fn names_are_unique_and_every_finding_says_why_and_what_to_do() {
    let mut names: Vec<&str> = all().map(|check| check.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().count());
    assert_eq!(found_on("", ""), []);
    let bad = "maxmemory=0 aof_enabled=0 .panics_total=1 .ship=0 .guard_observes=1 .alert_raised_total=5 \
               .token_forged_total=1 .audit_gap=3 .audit_dead=1000 loading=1 rdb_last_bgsave_status=err";
    let facts = facts(vec![node("a:1", bad, "lockwatch.top-keys=0")]);
    for checked in all().map(|check| check::run(check, &facts)) {
        for finding in checked.findings {
            assert!(!finding.why.is_empty() && !finding.todo.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn one_server_is_judged_by_its_numbers() {
    for (info, config, expected) in [
        ("redis_version=9.1.0", "", (Warning, "server-version")),
        ("redis_version=7.2.4 valkey_version=10.0.0", "", (Warning, "server-version")),
        ("maxmemory_policy=allkeys-lru maxmemory=5 .guards=1", "", (Error, "eviction")),
        ("used_memory=985000", "", (Error, "memory")),
        ("used_memory=905000", "", (Warning, "memory")),
        ("aof_last_write_status=err", "", (Error, "last-save")),
        (".lease_onclose_leases=95000", "", (Warning, "lease-count")),
        (".lease_keys=1 .lease_leases=65536", "", (Error, "lease-count")),
        (".policies_overrides=900", "", (Warning, "policy-count")),
        (".guards=1 .guard_bans=8000", "", (Warning, "guard-size")),
        (".guard_restrained=1", "", (Warning, "guard-restrained")),
        (".guard_lifted_total=20 .guard_bans_total=100", "", (Note, "lifted-bans")),
        (".token_verified_total=2000 .token_verify_cache_hits_total=900", "", (Note, "verify-cache")),
        (".token_verified_total=500 .token_verify_refused_total=500", "", (Note, "refused-tokens")),
        (".token_issued_total=100 .token_evicted_total=10", "", (Note, "evicted-sessions")),
        (".token_rotated_total=200 .token_replayed_total=100", "", (Note, "lost-replies")),
        ("", "lockwatch.tokens-not-before=9999999999", (Error, "tokens-not-before")),
        ("", "lockwatch.tokens-not-before=9999999999999", (Error, "tokens-not-before")),
        (".lease_acquired_total=200 .lease_leases=200 .lease_repeated_total=100", "", (Note, "leases")),
        (".audit_ship_ms=count=20,sum=3,le_500=1,le_1000=18,le_inf=20", "", (Note, "slow-deliveries")),
        (".token_busy_total=1", "", (Note, "signing")),
        (".token_rolled_forward_total=1", "", (Note, "lost-rotations")),
        (".ratelimit_clock_steps_total=1", "", (Note, "clock-steps")),
        (".audit_postgres=db:5432 .audit_state_number=4", "", (Warning, "postgres")),
        (".audit_dead=1000", "", (Error, "audit-dead-letters")),
        (".audit_refused_total=4", "", (Note, "refused-events")),
        (".alert_endpoints=1 .alert_oldest_ms=300001", "", (Warning, "alert-queue")),
        ("rejected_connections=1", "", (Note, "connections")),
        ("loading=1", "", (Warning, "loading")),
        ("cmdstat_lw.check=calls=100,usec=200000,usec_per_call=2000.00", "", (Warning, "latency")),
        ("role=slave master_sync_in_progress=1 master_link_status=down", "", (Warning, "replica-link")),
        ("role=slave .token_stores=1", "", (Error, "token-keys")),
        (
            "master_repl_offset=90000000 slave0=ip=10.0.0.2,port=6379,state=online,offset=1000,lag=1",
            "",
            (Warning, "replica-lag"),
        ),
    ] {
        let found = found_on(info, config);
        // Without its URL a database is asked nothing.
        let found: Vec<_> = found.into_iter().filter(|(level, _)| *level != Skipped).collect();
        assert_eq!(found, [expected], "{info}");
    }
}

#[test]
fn just_below_the_thresholds_nothing_is_found() {
    for info in [
        "redis_version=8.2.3",
        "valkey_version=9.1.2",
        "used_memory=899999",
        ".lease_onclose_leases=89999",
        ".lease_keys=2 .lease_leases=65536",
        ".policies=899 .policies_overrides=899",
        ".guards=10 .guard_bans=9000",
        ".guard_lifted_total=19 .guard_bans_total=20",
        ".token_verified_total=999",
        ".guard_attempts_admitted_total=99",
        ".guard_attempts_admitted_total=200 .guard_outcomes_total=100",
        ".ratelimit_calls_total=999 .ratelimit_denied_total=999",
        ".alert_dropped_total=7",
        ".alert_queued=10000 .alert_max_events=10000",
        ".audit_events=1000000 .audit_max_events=1000000",
        "cmdstat_lw.check=calls=99,usec=200000,usec_per_call=2000.00",
        ".token_stores=1",
        "master_repl_offset=90000000 slave0=ip=10.0.0.2,port=6379,state=online,offset=89000000,lag=1",
    ] {
        assert_eq!(found_on(info, ""), [], "{info}");
    }
}

#[test]
fn versions_are_compared_by_the_roles() {
    let pair = |primary: &str, replica: &str| {
        let primary = node("a:1", &format!(".version={primary}"), "");
        let replica = node("b:1", &format!("role=slave .version={replica}"), "");
        found(&facts(vec![primary, replica]))
    };
    assert_eq!(pair("0.2.0", "0.2.0"), []);
    assert_eq!(pair("0.2.0", "0.10.0"), [(Warning, "module-version")], "replicas first");
    assert_eq!(pair("0.10.0", "0.2.0"), [(Error, "module-version")]);
}

#[test]
fn clocks_are_compared_with_each_other_and_then_with_the_programs() {
    let clocks = |ahead: &[i64], uncertain_ms| {
        let nodes = ahead.iter().enumerate().map(|(i, ahead_ms)| {
            let mut node = node(&format!("n{i}:1"), "", "");
            let round_trip = Duration::from_millis(1);
            answers(&mut node).clock = Ok(Clock { ahead_ms: *ahead_ms, uncertain_ms, round_trip });
            node
        });
        found(&facts(nodes.collect()))
    };
    assert_eq!(clocks(&[0, 900, -90], 1), []);
    assert_eq!(clocks(&[0, 1100], 1), [(Warning, "clock")]);
    assert_eq!(clocks(&[0, 1100], 100), [], "it may be the network");
    assert_eq!(clocks(&[0, -9000], 1), [(Error, "clock")]);
    assert_eq!(clocks(&[60_000, 60_100], 1), [(Warning, "clock")], "the program's own, or all");
}

#[test]
fn a_name_that_another_module_has_is_found() {
    for (owner, on, expected) in [
        ("lockwatch", "yes", &[][..]),
        ("redis-cell", "yes", &[(Warning, "cl-throttle")]),
        ("redis-cell", "no", &[]),
    ] {
        let mut node = node("a:1", "", &format!("lockwatch.cl-throttle={on}"));
        answers(&mut node).throttle = Ok(owner.to_owned());
        assert_eq!(found(&facts(vec![node])), expected, "{owner} {on}");
    }
}

#[test]
fn a_copy_that_is_a_primary_too_is_found() {
    let none = "0".repeat(40);
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    let pair = |a: &str, b: &str| {
        let node = |name: &str, ids: &str| {
            let (first, second) = ids.split_once(' ').unwrap();
            node(name, &format!("role=master master_replid={first} master_replid2={second}"), "")
        };
        found(&facts(vec![node("a:1", a), node("b:1", b)]))
    };
    assert_eq!(pair(&format!("{one} {none}"), &format!("{two} {none}")), []);
    assert_eq!(pair(&format!("{one} {none}"), &format!("{two} {one}")), [(Error, "one-primary")]);
}

#[test]
fn what_can_not_be_asked_is_skipped_with_the_right_that_is_missing() {
    let mut node = node("a:1", "", "");
    let why = "the program's user may not call CONFIG GET".to_owned();
    answers(&mut node).config = Err(Missing { right: Some("+config|get"), why });
    let found = found(&facts(vec![node]));
    assert_eq!(found[0], (Warning, "own-rights"));
    assert!(found.len() > 5 && found[1..].iter().all(|(level, _)| *level == Skipped), "{found:?}");
}

#[test]
fn a_server_that_is_away_is_one_error_and_not_many() {
    let mut away = node("b:1", "", "");
    away.answers = Err(Failure::away("Connection refused"));
    assert_eq!(found(&facts(vec![node("a:1", "", ""), away])), [(Error, "reachable")]);
}

#[test]
fn a_policy_may_differ_on_a_replica_that_is_behind() {
    let pair = |link: &str| {
        let primary = node("a:1", ".policies_digest=1", "");
        let replica =
            format!("role=slave .policies_digest=2 master_link_status={link} master_sync_in_progress=1");
        found(&facts(vec![primary, node("b:1", &replica, "")]))
    };
    assert_eq!(pair("up"), [(Error, "policies")]);
    assert_eq!(pair("down"), [(Warning, "replica-link")]);
}

#[test]
fn the_rights_of_each_role_that_the_servers_connect_as_are_judged() {
    let well = Role {
        name: "ship".into(),
        may_select: true,
        may_insert: true,
        may_read_version: true,
        may_create: true,
        owns: true,
    };
    let today = Partition { name: "lockwatch_audit_log_1".into(), has_today: true, ..Partition::default() };
    let tomorrow =
        Partition { name: "lockwatch_audit_log_2".into(), has_tomorrow: true, ..Partition::default() };
    let database = |roles: Vec<Role>, partitions: Vec<Partition>| {
        let log = Log {
            table: "lockwatch_audit_log".into(),
            schema: "public".into(),
            owner: "ship".into(),
            version: Ok(1),
            roles,
            partitions,
        };
        let database = Database {
            label: "postgres://db:5432".into(),
            version: 150_018,
            log: Some(log),
            ..Database::default()
        };
        let nodes =
            vec![node("a:1", ".audit_postgres=postgres://db:5432", "lockwatch.audit-retention-days=30")];
        found(&Facts { database: DatabaseFacts::Asked(Box::new(database)), ..facts(nodes) })
    };
    let inserts = Role { name: "insert".into(), may_create: false, owns: false, ..well.clone() };
    assert_eq!(database(vec![well.clone()], vec![]), [], "it makes partitions when events come");
    let both = vec![today.clone(), tomorrow];
    assert_eq!(database(vec![inserts.clone()], both), [(Warning, "database-rights")], "nothing is dropped");
    let found = database(vec![well.clone(), inserts], vec![today]);
    assert_eq!(found, [(Warning, "database-rights"), (Warning, "partitions")]);
    let blind = Role { may_select: false, ..well };
    assert_eq!(database(vec![blind], vec![]), [(Error, "database-rights")]);
}
