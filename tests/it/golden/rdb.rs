//! Which server can read the RDB of which. A server refuses other files by itself.
//!
//! | made on | RDB | Redis 7.0 | Redis 8 | Valkey 8 | Valkey 9 |
//! |---|---|---|---|---|---|
//! | Redis 7.0 | REDIS 10 | yes | yes | yes | yes |
//! | Redis 8 | REDIS 12 | no | yes | no | no |
//! | Valkey 8 | REDIS 11 | no | yes | yes | yes |
//! | Valkey 9 | VALKEY 80 | no | no | no | yes |
//!
//! This concerns RDB files, AOFs with an RDB preamble, and replication. An AOF without a preamble
//! is read by all.

use std::fs;

use crate::support::Server;

/// What a server says when it refuses an RDB.
const REFUSALS: [&str; 3] = [
    "Can't handle RDB format version",
    "Wrong signature trying to load DB",
    // Of an AOF whose preamble is an RDB of Valkey 9.
    "Bad file format reading the append only file",
];

/// The version after which Redis and Valkey have formats of their own.
const LAST_IN_COMMON: u32 = 11;

/// The first bytes of an RDB.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    is_valkey: bool,
    version: u32,
}

impl Format {
    #[track_caller]
    pub fn of(rdb: &[u8]) -> Self {
        let head = std::str::from_utf8(&rdb[..9]).expect("text");
        let digits = head.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        Self { is_valkey: head.starts_with("VALKEY"), version: digits.parse().expect("a version") }
    }

    /// The format that the server under test writes.
    #[track_caller]
    pub fn of_server() -> Self {
        let server = Server::start();
        assert_eq!(server.client().run("SAVE").text(), "OK");
        Self::of(&fs::read(server.dir().join("dump.rdb")).expect("the RDB"))
    }

    /// Whether a server that writes this format reads `other`.
    pub fn reads(&self, other: &Self) -> bool {
        if other.is_valkey == self.is_valkey {
            return other.version <= self.version;
        }
        self.is_valkey && other.version <= LAST_IN_COMMON
    }
}

pub fn is_refusal(log: &str) -> bool {
    REFUSALS.iter().any(|refusal| log.contains(refusal))
}
