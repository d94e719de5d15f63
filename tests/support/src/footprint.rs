//! Checks whether a call changed anything.

use super::{Client, Value};

/// Everything that a write would change: all values, the number of keys, the changes since the last
/// save, and the replication offset, which moves only if there is a replica.
#[derive(Debug, PartialEq)]
pub struct Footprint {
    digest: Value,
    keys: i64,
    changes: i64,
    offset: i64,
}

impl Client {
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
