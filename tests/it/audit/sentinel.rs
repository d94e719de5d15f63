//! What a planned failover by Sentinel loses while Postgres is away, and what
//! `min-replicas-to-write` changes about it. Sentinel promotes the replica first and demotes the
//! old primary some seconds later; until then the old primary acknowledges events that nobody else
//! has.

use std::time::Duration;

use crate::support::postgres::Postgres;
use crate::support::sentinel::Sentinel;
use crate::support::{Client, Server, Value, wait_at_most, wait_until};

/// How long Sentinel may take until it demotes the old primary.
const DEMOTED: Duration = Duration::from_secs(60);

struct Pair {
    postgres: Postgres,
    primary: Server,
    replica: Server,
}

impl Pair {
    /// A primary with 50 events, which its replica has as well, and a Postgres that is away.
    fn start(min_replicas: usize) -> Self {
        let mut postgres = Postgres::start();
        postgres.create_database("audit");
        let server = || {
            Server::builder()
                .shipping_to(&postgres, "audit")
                .config(format!("min-replicas-to-write {min_replicas}"))
                .config("min-replicas-max-lag 10")
        };
        let primary = server().start();
        let replica = server().replica_of(&primary).start();
        primary.wait_for_replica(&replica);
        postgres.stop();
        let mut client = primary.client();
        wait_until("the primary takes writes", || !client.run("LW.AUDIT USER before").is_error());
        (1..50).for_each(|_| drop(client.audit("USER before")));
        primary.wait_for_replica(&replica);
        Self { postgres, primary, replica }
    }

    /// Fails over, and records events on the old primary until it is demoted. Returns the number of
    /// those that it acknowledged after it refused the first one, or in all if it refused none, and
    /// the number of those that it refused with NOREPLICAS.
    fn fail_over(&self) -> (usize, usize) {
        let sentinel = Sentinel::of(&self.primary);
        sentinel.fail_over();
        wait_until("the replica is promoted", || is_primary(&self.replica));
        let mut client = self.primary.client();
        let (mut acknowledged, mut refused) = (0, 0);
        wait_at_most(DEMOTED, "the old primary is demoted", || {
            // A demotion closes the connections of clients.
            match client.try_call(&["LW.AUDIT", "USER", "between"]) {
                Ok(Value::Bulk(_)) => acknowledged += 1,
                Ok(Value::Error(why)) if why.starts_with("NOREPLICAS") => {
                    if refused == 0 {
                        acknowledged = 0;
                    }
                    refused += 1;
                }
                Ok(Value::Error(why)) if why.starts_with("READONLY") => return true,
                Ok(other) => panic!("LW.AUDIT answered {other:?}"),
                Err(_) => client = self.primary.client(),
            }
            false
        });
        (acknowledged, refused)
    }

    /// The number of events in Postgres after it has come back, and those of `user`.
    fn stored(mut self, user: &str) -> (i64, i64) {
        self.postgres.start_again();
        self.replica.client().wait_until_shipped();
        let count = |condition: &str| {
            self.postgres
                .number("audit", &format!("SELECT count(*) FROM lockwatch_audit_log WHERE {condition}"))
        };
        (count("true"), count(&format!("user_id = '{user}'")))
    }
}

/// Sentinel closes the connections of clients when it promotes a replica, so a call may fail.
fn is_primary(server: &Server) -> bool {
    let role = Client::connect(server.address()).and_then(|mut client| client.try_call(&["ROLE"]));
    role.is_ok_and(|role| role.items()[0].text() == "master")
}

#[test]
fn a_planned_sentinel_failover_loses_what_the_old_primary_acknowledges_until_it_is_demoted() {
    let pair = Pair::start(0);
    let (acknowledged, refused) = pair.fail_over();
    assert!(acknowledged > 0 && refused == 0, "{acknowledged} and {refused}");
    // What the replica had is there. All else is lost, as
    // docs/guides/operate/replicas-and-failover.md says.
    assert_eq!(pair.stored("before"), (50, 50));
}

#[test]
fn with_min_replicas_to_write_the_old_primary_acknowledges_nothing_that_is_lost() {
    let pair = Pair::start(1);
    let (acknowledged, refused) = pair.fail_over();
    assert!(acknowledged == 0 && refused > 0, "{acknowledged} and {refused}");
    assert_eq!(pair.stored("before").1, 50);
}

#[test]
fn without_its_replica_a_primary_with_min_replicas_to_write_refuses_to_record() {
    let primary = Server::builder().config("min-replicas-to-write 1").start();
    let mut client = primary.client();
    for line in ["LW.AUDIT USER a", "LW.ALERT note {}", "LW.BURST k 5 10", "LW.RATELIMIT k 5 10"] {
        assert!(client.run(line).error().starts_with("NOREPLICAS"), "{line}");
    }
    // Queries are answered.
    assert_eq!(client.audit_log(""), []);
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    wait_until("writes are taken", || !client.run("LW.AUDIT USER a").is_error());
    drop(replica);
    wait_until(
        "writes are refused again",
        || matches!(client.run("LW.AUDIT USER a"), Value::Error(why) if why.starts_with("NOREPLICAS")),
    );
}
