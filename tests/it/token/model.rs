//! Compares real servers with a reference model over random sessions, rotations, changes of claims,
//! revocations, restarts and failovers that lose the last writes.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::support::tokens::{Algorithm, Keys, Tokens, code};
use crate::support::{Client, Random, Server};

/// The default of `rotate-grace`, in milliseconds.
const GRACE: i64 = 10_000;
const TTL: i64 = 600_000;

/// What sessions have as claims, none included.
const CLAIMS: [&str; 3] = ["{}", r#"{"role":"user"}"#, r#"{"role":"admin"}"#];
/// The options of new sessions, and `aud` of their tokens.
const AUDIENCES: [(&str, &str); 3] = [
    ("", r#""lockwatch-api""#),
    (" AUDIENCE lockwatch-api", r#""lockwatch-api""#),
    (" AUDIENCE web AUDIENCE lockwatch-api", r#"["web","lockwatch-api"]"#),
];

/// A session in the reference model.
#[derive(Clone)]
struct Known {
    subject: usize,
    generation: i64,
    rotated: i64,
    expires: i64,
    /// Whether writes to it may have been lost since the last rotation.
    doubtful: bool,
    /// Whether writes may have been lost before the last rotation.
    rescued: bool,
    audience: &'static str,
    /// The claims of the current access token, and those of the next.
    claims: &'static str,
    next_claims: &'static str,
}

/// Issued tokens, their generation and their claims.
#[derive(Clone)]
struct Held {
    tokens: Tokens,
    generation: i64,
    claims: &'static str,
}

struct World {
    keys: Keys,
    server: Server,
    client: Client,
    random: Random,
    now: i64,
    alive_since: i64,
    known: BTreeMap<String, Known>,
    held: Vec<Held>,
    /// The latest tokens of each session's client. Removed when somebody else presents one of its
    /// tokens.
    clients: BTreeMap<String, Held>,
    revoked: Vec<Tokens>,
}

impl World {
    fn new() -> Self {
        let keys = Keys::new();
        let server = Self::builder(&keys).start();
        let mut client = server.client();
        let now = client.time_ms();
        client.stop_clock(now);
        Self {
            keys,
            server,
            client,
            random: Random::new(),
            now,
            alive_since: 0,
            known: BTreeMap::new(),
            held: Vec::new(),
            clients: BTreeMap::new(),
            revoked: Vec::new(),
        }
    }

    fn builder(keys: &Keys) -> crate::support::Builder {
        Server::builder()
            .issuing(keys, Algorithm::EdDsa)
            .config("appendonly yes")
            .config("appendfsync always")
            .config("lockwatch.refresh-ttl 600")
            .config("lockwatch.jwt-leeway 0")
    }

    fn record(&mut self, tokens: Tokens, generation: i64) {
        let known = &self.known[&tokens.session];
        let claims = known.claims;
        let (own, all) = (serde_json::from_str::<Json>(claims).unwrap(), tokens.claims());
        assert_eq!(all["role"], own["role"]);
        assert_eq!(all["aud"].to_string(), known.audience);
        let held = Held { tokens: tokens.clone(), generation, claims };
        self.held.push(held.clone());
        self.clients.insert(tokens.session, held);
    }

    fn issue(&mut self) {
        let subject = self.random.below(4);
        let claims = *self.random.pick(&CLAIMS);
        let (option, audience) = *self.random.pick(&AUDIENCES);
        let tokens = self.client.issue(&format!("auth user{subject} CLAIMS {claims}{option}"));
        let known = Known {
            subject,
            generation: 1,
            rotated: self.now,
            expires: self.now + TTL,
            doubtful: false,
            rescued: false,
            audience,
            claims,
            next_claims: claims,
        };
        self.known.insert(tokens.session.clone(), known);
        self.record(tokens, 1);
    }

    /// The expected error code for presenting a token, or an empty string if it is accepted.
    fn expected(&self, held: &Held) -> &'static str {
        let over = held.tokens.refresh_expires_ms <= self.now;
        let Some(known) = self.known.get(&held.tokens.session).filter(|known| known.expires > self.now)
        else {
            return if over { "LWEXPIRED" } else { "LWREVOKED" };
        };
        if held.generation < known.generation {
            let recent = self.now < known.rotated + GRACE;
            let revived = known.doubtful
                && self.alive_since > known.rotated
                && self.alive_since <= known.rotated + 900_000
                && self.now < self.alive_since + GRACE;
            let previous = held.generation + 1 == known.generation;
            return if previous && (recent || revived) { "" } else { "LWREUSED" };
        }
        if held.generation > known.generation && !known.doubtful {
            if known.rescued { "LWREUSED" } else { "LWINVALID" }
        } else if over {
            "LWEXPIRED"
        } else {
            ""
        }
    }

    fn present(&mut self, held: &Held, by_its_client: bool) {
        let session = held.tokens.session.clone();
        let claims = self.random.one_in(3).then(|| *self.random.pick(&CLAIMS));
        let mut expected = self.expected(held);
        let known = self.known.get(&session);
        let conflicts = |known: &Known| held.generation < known.generation && claims != Some(known.claims);
        if expected.is_empty() && claims.is_some() && known.is_some_and(conflicts) {
            expected = "LWCONFLICT";
        }
        let mut call = vec!["LW.ROTATE", "auth", &held.tokens.refresh];
        call.extend(claims.iter().flat_map(|claims| ["CLAIMS", claims]));
        let answer = self.client.call(&call);
        if expected == "LWREUSED" {
            self.known.remove(&session);
        }
        if answer.is_error() {
            assert_eq!(code(&answer), expected);
        } else {
            assert_eq!(expected, "", "{answer:?}");
            let tokens = Tokens::of(&answer);
            if let Some(known) =
                self.known.get_mut(&session).filter(|known| held.generation >= known.generation)
            {
                known.generation = held.generation + 1;
                known.rescued |= known.doubtful;
                (known.rotated, known.expires, known.doubtful) = (self.now, self.now + TTL, false);
                known.claims = claims.unwrap_or(known.next_claims);
                known.next_claims = known.claims;
            }
            let generation = held.generation + 1;
            self.record(tokens, generation);
        }
        if !by_its_client {
            self.clients.remove(&session);
        }
    }

    fn revoke(&mut self, held: &Held) {
        let session = held.tokens.session.clone();
        let alive = self.known.get(&session).is_some_and(|known| known.expires > self.now);
        let answer = match self.random.below(2) {
            0 => self.client.call(&["LW.REVOKE", "auth", "SESSION", &session]),
            _ => self.client.call(&["LW.REVOKE", "auth", "TOKEN", &held.tokens.refresh]),
        };
        assert_eq!(answer.int(), i64::from(alive));
        self.known.remove(&session);
        self.revoked.push(held.tokens.clone());
    }

    /// LW.CLAIMS for a session, or for all sessions of a subject.
    fn set_claims(&mut self, held: &Held) {
        let claims = *self.random.pick(&CLAIMS);
        let session = held.tokens.session.clone();
        let subject = self.random.one_in(2).then(|| self.random.below(4));
        let answer = match subject {
            Some(subject) => {
                self.client.call(&["LW.CLAIMS", "auth", "SUBJECT", &format!("user{subject}"), claims])
            }
            None => self.client.call(&["LW.CLAIMS", "auth", "SESSION", &session, claims]),
        };
        let mut changed = 0;
        for (id, known) in self.known.iter_mut().filter(|(_, known)| known.expires > self.now) {
            let is_meant = subject.map_or(*id == session, |subject| subject == known.subject);
            if is_meant && known.next_claims != claims {
                known.next_claims = claims;
                changed += 1;
            }
        }
        assert_eq!(answer.int(), changed);
    }

    fn restart(&mut self) {
        if self.random.one_in(2) {
            self.server.kill();
        } else {
            self.server.stop();
        }
        self.server.start_again();
        self.after_start();
    }

    /// Promotes a replica. Writes that the primary accepts after the promotion are lost.
    fn failover(&mut self) {
        // REPLICAOF is not in the configuration, because the server may be restarted later.
        let replica = Self::builder(&self.keys).start();
        let address = self.server.address();
        replica.client().run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
        self.server.wait_for_replica(&replica);
        let mut there = replica.client();
        assert_eq!(there.run("REPLICAOF NO ONE").text(), "OK");
        // Until the first rewrite its AOF lacks the data of the full synchronisation.
        there.wait_for_aof_rewrite();
        let before = (self.known.clone(), self.revoked.len());
        for _ in 0..self.random.below(6) {
            self.act();
        }
        let revoked;
        (self.known, revoked) = before;
        // Revocations after the promotion are lost, because Redis replicates asynchronously.
        self.revoked.truncate(revoked);
        // A session issued after the promotion does not exist on the new primary.
        self.server = replica;
        self.after_start();
    }

    fn after_start(&mut self) {
        self.client = self.server.client();
        // The server started in real time, which may be behind the test's clock.
        self.now = self.now.max(self.client.time_ms());
        self.client.stop_clock(self.now);
        self.alive_since = self.client.token_life();
        self.known.values_mut().for_each(|known| (known.doubtful, known.rescued) = (true, false));
    }

    fn act(&mut self) {
        let pick =
            |world: &mut Self| (!world.held.is_empty()).then(|| world.random.pick(&world.held).clone());
        match self.random.below(23) {
            0..=3 => self.issue(),
            4..=10 => {
                // A client that presents its latest token must never be locked out.
                let clients: Vec<_> = self.clients.values().cloned().collect();
                if clients.is_empty() {
                    return;
                }
                let held = self.random.pick(&clients).clone();
                let alive =
                    self.known.get(&held.tokens.session).is_some_and(|known| known.expires > self.now);
                if alive && held.tokens.refresh_expires_ms > self.now {
                    assert_eq!(self.expected(&held), "", "a client is locked out");
                }
                self.present(&held, true);
            }
            11 | 12 => {
                if let Some(held) = pick(self) {
                    self.present(&held, false);
                }
            }
            13 => {
                if let Some(held) = pick(self) {
                    self.revoke(&held);
                }
            }
            14..=16 => {
                if let Some(held) = pick(self) {
                    self.set_claims(&held);
                }
            }
            _ => {
                self.now += [1, 500, GRACE - 1, GRACE, 60_000, TTL / 2][self.random.below(6)];
                self.client.stop_clock(self.now);
            }
        }
    }

    /// Asserts that access tokens are accepted exactly while they are valid.
    fn check(&mut self) {
        for tokens in self.revoked.clone() {
            assert_ne!(self.client.verdict("auth", &tokens.access), "OK");
        }
        for held in self.held.clone() {
            let alive = self.known.get(&held.tokens.session).is_some_and(|known| known.expires > self.now);
            let good = alive && held.tokens.access_expires_ms > self.now;
            let verdict = self.client.verdict("auth", &held.tokens.access);
            if verdict == "OK" {
                let own: Json = serde_json::from_str(held.claims).unwrap();
                assert_eq!(self.client.verify("auth", &held.tokens.access)["role"], own["role"]);
            }
            let left = held.tokens.access_expires_ms - self.now;
            assert_eq!(
                verdict == "OK",
                good,
                "{verdict}, {left} ms before its end, in generation {}",
                held.generation
            );
        }
    }
}

#[test]
fn random_histories_accept_no_ended_token_and_lock_out_no_client() {
    let (worlds, steps) = if std::env::var_os("LOCKWATCH_SOAK").is_some() { (30, 400) } else { (6, 100) };
    for _ in 0..worlds {
        let mut world = World::new();
        for step in 0..steps {
            world.act();
            if step % 40 == 39 {
                world.restart();
            }
            if step % 50 == 49 {
                world.failover();
            }
            if step % 10 == 9 {
                world.check();
            }
        }
    }
}
