//! Token stores: sessions that were rotated, changed, revoked, and stolen.

use crate::support::Value;
use crate::support::tokens::Tokens;

use super::{HOUR, SECOND, Scene};

impl Scene<'_> {
    pub(super) fn begin_sessions(&mut self) {
        self.rotate_sessions();
        self.revoke_sessions();
        self.steal_a_session();
        self.issue("$:ended alice REFRESHTTL 60d");
        self.run("LW.REVOKEALL $:ended");
    }

    fn issue(&mut self, line: &str) -> Tokens {
        self.pass(SECOND);
        Tokens::of(&self.run(&format!("LW.ISSUE {line}")))
    }

    /// Rotates in a later hour.
    fn rotate(&mut self, tokens: &Tokens, options: &str) -> Tokens {
        self.pass(HOUR);
        Tokens::of(&self.run(&format!("LW.ROTATE $:auth {}{options}", tokens.refresh)))
    }

    fn rotate_sessions(&mut self) {
        let first = self.issue(
            "$:auth alice CLAIMS {\"role\":\"admin\"} META {\"device\":\"phone\"} AUDIENCE one AUDIENCE two \
             ACCESSTTL 1d REFRESHTTL 60d",
        );
        let second = self.rotate(&first, "");
        self.rotate(&second, " CLAIMS {\"role\":\"user\"} META {\"device\":\"tablet\"}");
        let plain = self.issue("$:auth bob REFRESHTTL 60d");
        self.run(&format!("LW.CLAIMS $:auth SESSION {} {{\"plan\":2}}", plain.session));
        self.issue("$:auth bob REFRESHTTL 0 ACCESSTTL 60d");
    }

    fn revoke_sessions(&mut self) {
        let kept = self.issue("$:auth carol REFRESHTTL 60d");
        let by_id = self.issue("$:auth carol REFRESHTTL 60d");
        let by_token = self.issue("$:auth carol REFRESHTTL 60d");
        self.run(&format!("LW.REVOKE $:auth SESSION {}", by_id.session));
        self.run(&format!("LW.REVOKE $:auth TOKEN {}", by_token.refresh));
        // Only this access token; the session goes on.
        self.run(&format!("LW.REVOKE $:auth TOKEN {}", kept.access));
        self.issue("$:auth dave REFRESHTTL 60d");
        self.issue("$:auth dave REFRESHTTL 60d");
        self.run("LW.REVOKE $:auth SUBJECT dave");
    }

    fn steal_a_session(&mut self) {
        let stolen = self.issue("$:auth erin REFRESHTTL 60d");
        let second = self.rotate(&stolen, "");
        self.rotate(&second, "");
        let key = self.named("$:auth");
        let answer = self.client.call(&["LW.ROTATE", &key, &stolen.refresh]);
        assert!(matches!(&answer, Value::Error(why) if why.starts_with("LWREUSED")), "{answer:?}");
    }
}
