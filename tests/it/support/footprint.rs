//! Whether a call has left a trace.

use super::{Client, Value};

/// All that a write would change: every key's value, how many there are, how many changes the next snapshot has to
/// save, and how much has been sent to replicas (if there are any).
#[derive(Debug, PartialEq)]
pub struct Footprint {
    digest: Value,
    keys: i64,
    changes: i64,
    offset: i64,
}

impl Client {
    /// What the server looks like now.
    #[track_caller]
    pub fn footprint(&mut self) -> Footprint {
        let info = self.info("everything");
        Footprint {
            digest: self.run("DEBUG DIGEST"),
            keys: self.run("DBSIZE").int(),
            changes: info.number("rdb_changes_since_last_save"),
            offset: info.number("master_repl_offset"),
        }
    }
}
