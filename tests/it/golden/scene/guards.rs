//! Guards: counters of every kind of rule, bans, challenges, allow entries and known users.

use super::{SECOND, Scene};

impl Scene<'_> {
    pub(super) fn watch_attacks(&mut self) {
        self.attack_a_login();
        self.attack_users();
        self.decide_by_hand();
        self.attack_a_site();
        self.pass(SECOND);
    }

    fn attack_a_login(&mut self) {
        for n in 0..6 {
            self.run(&format!("LW.EVENT login:$ failure IP 203.0.113.7 USER user{n}"));
            self.run(&format!("LW.ATTEMPT login:$ IP 203.0.113.8 USER alice VALUE v{n}"));
        }
        self.run("LW.ATTEMPT login:$ IP 203.0.113.8 USER alice SOLVED");
        for n in 0..4 {
            self.run(&format!("LW.EVENT login:$ unknown IP 203.0.113.9 USER nobody{n}"));
            self.run(&format!("LW.EVENT login:$ failure IP 2001:db8:1:{n}::1 USER user{n}"));
            self.run("LW.EVENT login:$ odd IP 203.0.113.10 USER alice");
        }
        // Attempts without an outcome.
        self.run("LW.ATTEMPT login:$ IP 203.0.113.11 USER first DEVICE phone");
        self.run("LW.ATTEMPT login:$ IP 203.0.113.11 USER second");
    }

    fn attack_users(&mut self) {
        for n in 0..5 {
            self.run(&format!("LW.EVENT login:$ failure IP 5.6.{n}.1 USER target"));
            self.run("LW.EVENT login:$ mfa IP 203.0.113.12 USER phished");
        }
        self.run_all(&[
            "LW.EVENT login:$ success IP 198.51.100.9 USER known DEVICE phone",
            "LW.EVENT login:$ success IP 198.51.101.9 USER known DEVICE tablet",
            "LW.EVENT login:$ failure IP 198.51.100.9 USER known",
            "LW.EVENT login:$ success IP 2001:db8:2::1 USER other",
            "LW.EVENT login:$ password IP 198.51.100.9 USER known",
            "LW.EVENT login:$ reset USER other",
        ]);
    }

    fn decide_by_hand(&mut self) {
        self.run_all(&[
            "LW.BAN login:$ IP 192.0.2.0/24 FOR 60d REASON scanner BY ops",
            "LW.BAN login:$ IP 2001:db8:bad::/48 FOR 60d",
            "LW.BAN login:$ USER mallory FOR 60d BY ops",
            "LW.BAN login:$ KEY robot FOR 60d",
            "LW.ALLOW login:$ IP 192.0.2.7 FOR 60d REASON office",
            "LW.ALLOW login:$ USER target FOR 7d BY support",
            "LW.BAN login:$ IP 192.0.3.1 FOR 60d",
            "LW.LIFT login:$ IP 192.0.3.1 BY ops",
            "LW.BAN login:$ USER forgotten FOR 60d",
            "LW.LIFT login:$ USER forgotten FORGET BY support",
        ]);
    }

    fn attack_a_site(&mut self) {
        for n in 0..5 {
            self.run(&format!("LW.EVENT http:$ 404 IP 203.0.113.20 VALUE /{n}"));
            self.run(&format!("LW.EVENT http:$ 403 IP 203.0.113.21 VALUE /{n}"));
            self.run("LW.EVENT bots:$ ping KEY robot");
            self.pass(660 * SECOND);
        }
        // Fewer than make a rule fire, so that counts are left.
        self.run("LW.EVENT http:$ 404 IP 203.0.113.22 VALUE /a");
        self.run("LW.EVENT bots:$ ping KEY slow");
        self.run("LW.EVENT bots:$ ping KEY slow");
    }
}
