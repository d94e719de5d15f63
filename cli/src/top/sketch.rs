//! Snapshots for unit tests.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::snapshot::{Bans, NodeView, Snapshot};
use crate::connect::failure::Failure;
use crate::connect::fleet::Kind;
use crate::facts::bans::Ban;
use crate::facts::top::TopKey;
use crate::info::Info;

/// The time of the first snapshot on the servers' clock.
pub const START_MS: i64 = 1_700_000_000_000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[derive(Clone)]
pub struct Sketch(Snapshot);

impl Sketch {
    pub fn new() -> Self {
        Self(Snapshot {
            at: UNIX_EPOCH,
            taken: *START,
            kind: Kind::Standalone,
            nodes: Vec::new(),
            keys: Vec::new(),
            keys_known: true,
            bans: Bans { known: true, ..Bans::default() },
            may_search: true,
            failures: Vec::new(),
        })
    }

    pub fn kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// A primary with these lines of INFO.
    pub fn node(self, name: &str, info: &str) -> Self {
        self.server(name, true, info)
    }

    pub fn replica(self, name: &str, info: &str) -> Self {
        self.server(name, false, info)
    }

    fn server(mut self, name: &str, primary: bool, info: &str) -> Self {
        let info =
            format!("lockwatch_version:0.2.0\r\nused_memory:12582912\r\nconnected_clients:42\r\n{info}");
        self.0.nodes.push(NodeView {
            name: name.into(),
            primary,
            elapsed: Duration::from_micros(420),
            info: Ok(Arc::new(Info::parse(&info))),
        });
        self
    }

    pub fn away(mut self, name: &str, why: &str) -> Self {
        self.0.nodes.push(NodeView {
            name: name.into(),
            primary: true,
            elapsed: Duration::from_millis(1),
            info: Err(Failure::away(why)),
        });
        self
    }

    /// A key, denied by `policy` if it has a name.
    pub fn key(mut self, key: &[u8], denied: i64, policy: &str) -> Self {
        self.0.keys.push(TopKey {
            node: "127.0.0.1:6379".into(),
            db: 0,
            key: key.to_vec(),
            denied,
            error: 0,
            last_ms: START_MS,
            policy: Some(policy.to_owned()).filter(|name| !name.is_empty()),
        });
        self
    }

    /// A ban by a rule of the guard `login`, with the seconds that are left.
    pub fn ban(mut self, subject: &str, rule: &str, seconds: i64) -> Self {
        self.0.bans.guards = 1;
        let operator = rule.is_empty();
        Arc::make_mut(&mut self.0.bans.list).push(Ban {
            guard: b"login".to_vec(),
            subject: subject.into(),
            hash: None,
            source: if operator { "operator" } else { "rule" }.into(),
            rule: Some(rule.to_owned()).filter(|_| !operator),
            verdict: "deny".into(),
            from_ms: START_MS,
            until_ms: START_MS + seconds * 1000,
            strikes: 2,
            count: 10,
            window_ms: 600_000,
            reason: operator.then(|| "scans us".into()),
            by: operator.then(|| "dora".into()),
            acl_user: None,
        });
        self
    }

    /// Somebody who may call neither LW.TOP nor LW.BANS nor SCAN.
    pub fn forbidden(mut self) -> Self {
        (self.0.keys_known, self.0.bans.known, self.0.may_search) = (false, false, false);
        self
    }

    /// The snapshot, taken `seconds` after the start.
    pub fn taken_after(mut self, seconds: u64) -> Snapshot {
        self.0.taken = *START + Duration::from_secs(seconds);
        self.0.at = UNIX_EPOCH + Duration::from_millis(START_MS as u64) + Duration::from_secs(seconds);
        self.0
    }
}

/// The time `seconds` after the start.
pub fn after(seconds: u64) -> Instant {
    *START + Duration::from_secs(seconds)
}
