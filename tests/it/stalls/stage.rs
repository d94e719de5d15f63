//! A server with data of a given size.

use std::cell::RefCell;

use crate::support::tokens::{Algorithm, Keys, Tokens, issuer};
use crate::support::{Builder, Client, Server, wait_at_most};

use std::time::Duration;

/// How much data the scenes have.
pub struct Sizes {
    /// Sessions in one store.
    pub sessions: usize,
    /// Alerts in the queue.
    pub alerts: usize,
    /// Alerts that are remembered by LW.ALERT's DEDUP.
    pub suppressed: usize,
    /// Events in the journal.
    pub events: usize,
    /// Entries in a window.
    pub entries: usize,
    /// Leases of a key.
    pub leases: usize,
    /// Users, pairs and addresses of a guard, as many of each.
    pub subjects: usize,
}

impl Sizes {
    pub const SMALL: Self = Self {
        sessions: 5000,
        alerts: 1000,
        suppressed: 1000,
        events: 5000,
        entries: 100,
        leases: 5000,
        subjects: 5000,
    };

    /// The default bounds divided by `divisor`. A token store has no bound: a million sessions is
    /// what docs and benchmarks measure.
    pub fn full(divisor: usize) -> Self {
        Self {
            sessions: 1_000_000 / divisor,
            alerts: 10_000 / divisor,
            suppressed: 65_536 / divisor,
            events: 1_000_000 / divisor,
            entries: 512,
            leases: 65_536 / divisor,
            // More than fit into `guard-max-bytes`.
            subjects: 60_000 / divisor,
        }
    }
}

pub struct Stage {
    server: Server,
    pub replica: Option<Server>,
    pub keys: Keys,
    /// Tokens that a row may use up.
    tokens: RefCell<Vec<Tokens>>,
}

/// How long it may take until data has been written or replicated.
const PATIENCE: Duration = Duration::from_secs(300);

/// The number of calls in a pipeline.
const BATCH: usize = 1000;

impl Stage {
    pub fn start(builder: Builder) -> Self {
        let keys = Keys::new();
        Self { server: builder.start(), replica: None, keys, tokens: RefCell::default() }
    }

    /// A server that issues tokens.
    pub fn issuing(algorithm: Algorithm) -> Self {
        let (keys, server) = issuer(algorithm);
        Self { server, replica: None, keys, tokens: RefCell::default() }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn client(&self) -> Client {
        self.server.client().with_patience(PATIENCE)
    }

    /// The server whose other clients are watched.
    pub fn probed(&self) -> &Server {
        self.replica.as_ref().unwrap_or(&self.server)
    }

    /// Adds a replica, which is watched from now on.
    pub fn with_replica(mut self) -> Self {
        let replica = Server::builder().replica_of(&self.server).start();
        self.replica = Some(replica);
        self.wait_for_replica();
        self
    }

    pub fn wait_for_replica(&self) {
        let Some(replica) = &self.replica else { return };
        let offset = |server: &Server, name: &str| server.info("replication").number(name);
        wait_at_most(PATIENCE, "the replica has caught up", || {
            let info = replica.info("replication");
            info.text("master_link_status") == "up"
                && info.number("slave_repl_offset") >= offset(&self.server, "master_repl_offset")
        });
    }

    /// Calls what `call` returns for each number below `count`.
    pub fn fill<A: AsRef<[u8]>>(&self, count: usize, call: impl Fn(usize) -> Vec<A>) {
        let mut client = self.client();
        let numbers: Vec<_> = (0..count).collect();
        for batch in numbers.chunks(BATCH) {
            let calls: Vec<_> = batch.iter().map(|n| call(*n)).collect();
            let answers = client.pipeline(&calls);
            assert!(!answers[0].is_error(), "{:?}", answers[0]);
        }
    }

    /// Fills the store `auth`: 50 sessions a subject. Keeps tokens for [`Stage::token`].
    pub fn fill_store(&self, sessions: usize) {
        self.fill(sessions, |n| vec!["LW.ISSUE".to_owned(), "auth".to_owned(), format!("user{}", n / 50)]);
        let mut client = self.client();
        self.tokens.borrow_mut().extend((0..20).map(|n| client.issue(&format!("auth own{n}"))));
    }

    /// Tokens of a live session of `auth` that no row had before.
    #[track_caller]
    pub fn token(&self) -> Tokens {
        self.tokens.borrow_mut().pop().expect("there are enough tokens")
    }

    /// Waits until no child of the server writes a file.
    pub fn wait_for_children(&self) {
        wait_at_most(PATIENCE, "the files are written", || {
            let info = self.server.info("persistence");
            ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"]
                .iter()
                .all(|name| info.number(name) == 0)
        });
    }
}
