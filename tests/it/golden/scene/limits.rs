//! Limits in every form, policies, bursts, leases and CL.THROTTLE.

use super::{SECOND, Scene};

impl Scene<'_> {
    pub(super) fn set_policies(&mut self) {
        self.run_all(&[
            "LW.POLICY SET $.api 5 1h 100 60d",
            "LW.POLICY SET $.api 0 1s FOR blocked",
            "LW.POLICY SET $.api 50 1h 1000 60d FOR paid:*",
            "LW.POLICY SET $.tried 1 60d SHADOW",
            "LW.POLICY SET $.gone 1 1s",
            "LW.POLICY SET $.gone 1 2s FOR x",
            "LW.POLICY DEL $.gone FOR x",
            "LW.POLICY DEL $.gone",
            "LW.POLICY SET $.narrowed 100 60d",
            "LW.POLICY SET $.all 1 1s 2 2s 3 3s 4 4s 5 1m 6 1h 7 1d 9007199254740991 60d",
        ]);
    }

    pub(super) fn take_limits(&mut self) {
        self.take_simple_limits();
        self.correct_limits();
        self.take_limits_by_policy();
        self.count_bursts();
        self.run_all(&[
            "CL.THROTTLE $:cell 9 1 86400 3",
            "CL.THROTTLE $:cell 9 1 86400 -1",
            "CL.THROTTLE $:cell:other 14 7 3600",
        ]);
    }

    fn take_simple_limits(&mut self) {
        self.run_all(&[
            "LW.RATELIMIT $:one 5 60d",
            "LW.RATELIMIT $:two 5 60d",
            "LW.RATELIMIT $:two 5 60d COST 3",
            "LW.RATELIMIT $:persisted 5 60d",
            "PERSIST $:persisted",
            "SELECT 1",
            "LW.RATELIMIT $:one 9 60d COST 2",
            "SELECT 0",
        ]);
        for _ in 0..4 {
            self.run_all(&[
                "LW.RATELIMIT $:windows 1 1s 2 5s 3 1m 4 10m 50 1h 60 1d 70 7d 80 60d",
                "LW.MRATELIMIT $:user 20 60d 2 $:tenant 500 60d 3 $:user 90 1d 2 $:service @$.narrowed - 1",
            ]);
        }
        // More than `window-max-entries`, so that entries are merged.
        for n in 1..24 {
            self.run(&format!("LW.RATELIMIT $:merged 100000 60d COST {n}"));
            self.pass(n * n);
        }
        for _ in 0..9 {
            self.run("LW.RATELIMIT $:log 9 60d");
            self.pass(7);
        }
        // An entry that the clock has left ahead of itself is moved.
        self.pass(-5);
        self.run("LW.RATELIMIT $:log 20 60d");
        self.pass(SECOND);
    }

    fn correct_limits(&mut self) {
        self.run("LW.RATELIMIT $:forced 1 60d COST 3 FORCE");
        let refunded = self.run("LW.RATELIMIT $:refunded 10 60d COST 5 WITHTIME").ints()[5];
        self.pass(SECOND);
        self.run("LW.RATELIMIT $:refunded 10 60d");
        self.run(&format!("LW.REFUND $:refunded 2 AT {refunded}"));
        let settled = self.run("LW.RATELIMIT $:settled 10 60d COST 4 WITHTIME").ints()[5];
        self.pass(SECOND);
        self.run(&format!("LW.SETTLE $:settled 4 1 AT {settled}"));
        self.run(&format!("LW.SETTLE $:settled 1 6 AT {settled}"));
        let emptied = self.run("LW.RATELIMIT $:emptied 10 60d WITHTIME").ints()[5];
        self.run(&format!("LW.REFUND $:emptied 1 AT {emptied}"));
    }

    fn take_limits_by_policy(&mut self) {
        self.run_all(&[
            "LW.RATELIMIT $:plan:{free} @$.api",
            "LW.RATELIMIT $:plan:{paid:7} @$.api COST 3",
            "LW.RATELIMIT $:tried @$.tried",
            "LW.RATELIMIT $:tried @$.tried",
            "LW.RATELIMIT $:narrowed @$.narrowed",
            "LW.POLICY SET $.narrowed 100 30d",
            "LW.RATELIMIT $:narrowed @$.narrowed",
        ]);
    }

    fn count_bursts(&mut self) {
        for _ in 0..3 {
            self.run_all(&[
                "LW.BURST $:burst 2 60d COOLDOWN 60d IP 192.0.2.1 ENDPOINT /login METHOD GET AGENT curl",
                "LW.BURST $:burst:calm 50 60d",
                "LW.BURST $:burst:again 1 1s COOLDOWN 2s",
            ]);
        }
        for _ in 0..18 {
            self.run("LW.BURST $:burst:merged 1000 60d");
            self.pass(3);
        }
    }

    pub(super) fn hold_leases(&mut self) {
        self.run_all(&[
            "LW.ACQUIRE $:lease 3 60d ID one",
            "LW.ACQUIRE $:lease 3 60d",
            "LW.ACQUIRE $:jobs 50 60d ID heavy COST 7",
            "LW.ACQUIRE $:jobs 50 2s ID ended",
            "LW.ACQUIRE $:jobs 50 10d ID renewed",
            "LW.RENEW $:jobs renewed 60d",
            "LW.ACQUIRE $:jobs 50 60d ID released",
            "LW.RELEASE $:jobs released",
            "LW.ACQUIRE $:empty 1 60d ID only",
            "LW.RELEASE $:empty only",
        ]);
    }
}
