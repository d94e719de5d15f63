//! Values so large that they are saved and rewritten in several pieces.

use super::Scene;

/// More than the leases and the sessions of a piece.
const MANY: usize = 501;
/// More than the entries of a guard of a piece.
const ENTRIES: usize = 201;

impl Scene<'_> {
    /// Returns the time at the end.
    #[track_caller]
    pub fn play_large(&mut self, act: &'static str) -> i64 {
        self.act = act;
        (0..MANY).for_each(|n| drop(self.run(&format!("LW.ACQUIRE $:leases 1000 60d ID {n}"))));
        // A subject has few sessions.
        (0..MANY).for_each(|n| drop(self.run(&format!("LW.ISSUE $:auth user{n} REFRESHTTL 60d"))));
        let event = |n: usize| format!("LW.EVENT http:$ 404 IP 5.6.{}.{} VALUE /", n / 100, n % 100);
        (0..ENTRIES).for_each(|n| drop(self.run(&event(n))));
        self.now
    }
}
