//! Audit events: shipped, refused by Postgres, waiting, and lost.

use crate::support::Client;

use super::{SECOND, Scene};

/// A constraint by which Postgres refuses events of a user.
const REFUSE: &str = "ALTER TABLE lockwatch_audit_log ADD CONSTRAINT nobody_is_eve CHECK (user_id <> 'eve')";

impl Scene<'_> {
    /// Ends with one dead letter, which was replayed once, and nothing to ship.
    pub(super) fn ship_and_refuse_events(&mut self) {
        self.run("LW.AUDIT USER first");
        self.pass_until("the event is shipped", 200, is_shipped);
        // The first event has made the table.
        let _ = self.around.postgres.try_sql("audit", REFUSE);
        for user in ["eve", "mallory", "eve"] {
            self.run(&format!("LW.AUDIT USER {user} KIND $.refused"));
        }
        self.pass_until("two events are dead letters", 200, |client| is_shipped(client) && dead(client) >= 2);
        let letters = self.client.dead_events();
        self.run(&format!("LW.AUDITLOG DISCARD {}", letters[0].event.id));
        self.run(&format!("LW.AUDITLOG REPLAY {}", letters[1].event.id));
        let total = letters.len() as i64;
        self.pass_until("the event is refused again", 200, |client| {
            is_shipped(client) && dead(client) == total - 1
        });
    }

    /// Events with every field.
    pub(super) fn leave_events_waiting(&mut self) {
        let earlier = self.now - 3 * SECOND;
        self.run_all(&[
            "LW.AUDIT USER alice",
            "LW.AUDIT USER alice IP 203.0.113.7 METHOD GET ENDPOINT /a/b STATUS 200 LATENCY 1.5ms",
            "LW.AUDIT KIND $.login USER bob IP 2001:db8::1 ANOMALY DATA {\"n\":[1,2.5,null]}",
            "LW.AUDIT LIMITED STATUS 429 ENDPOINT /limited",
            "LW.AUDIT USER carol LIMITED ANOMALY",
        ]);
        self.run(&format!("LW.AUDIT USER dave TIME {earlier}"));
    }

    /// Records events until they are refused.
    pub(super) fn leave_a_gap(&mut self) {
        let refused = |client: &mut Client| client.run("LW.AUDIT USER many").is_error();
        self.pass_until("the log is full", 10, refused);
        assert!(refused(&mut self.client));
        // The size of a gap is replicated once a second.
        self.pass(SECOND);
    }
}

fn is_shipped(client: &mut Client) -> bool {
    client.audit_info("pending") == 0
}

fn dead(client: &mut Client) -> i64 {
    client.audit_info("dead")
}
