//! Tests the store and the decisions about refresh tokens against a simple reference. Sessions
//! begin, are rotated with any token ever issued, get other claims, and are revoked; time passes;
//! the server restarts; a replica that lacks the last writes takes over.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};

use super::change::Change;
use super::effect::{Changes, StoreEffect};
use super::id::{Generation, SessionId};
use super::rotation::{Judgement, Presented, Rules, judge};
use super::session::{Rotation, Session};
use super::snapshot;
use super::store::Store;

const GRACE: u64 = 10_000;
const TTL: u64 = 600_000;
const MAX_AGE: u64 = 3_000_000;
const SUBJECTS: [&str; 3] = ["alice", "bob", "eve"];
/// What sessions have as claims, none included.
const CLAIMS: [&str; 3] = ["", r#""a":1"#, r#""role":"admin""#];

#[derive(Clone, Debug)]
enum Op {
    Issue(usize),
    /// The client of a session presents its last token.
    Refresh(prop::sample::Index),
    /// The same with claims.
    RefreshWith(prop::sample::Index, usize),
    /// LW.CLAIMS for a session.
    SetClaims(prop::sample::Index, usize),
    /// LW.CLAIMS for a subject.
    SetClaimsOfAll(usize, usize),
    /// The client presents the token before, because the reply was lost.
    Retry(prop::sample::Index),
    /// Somebody presents any token that was ever issued.
    Present(prop::sample::Index),
    RevokeSession(prop::sample::Index),
    RevokeSubject(usize),
    Deny(prop::sample::Index),
    Pass(u64),
    Sweep,
    Restart,
    /// A replica that lacks this many of the last writes takes over.
    Failover(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        3 => (0..SUBJECTS.len()).prop_map(Op::Issue),
        6 => any().prop_map(Op::Refresh),
        3 => (any(), 0..CLAIMS.len()).prop_map(|(index, claims)| Op::RefreshWith(index, claims)),
        2 => (any(), 0..CLAIMS.len()).prop_map(|(index, claims)| Op::SetClaims(index, claims)),
        1 => (0..SUBJECTS.len(), 0..CLAIMS.len()).prop_map(|(subject, claims)| Op::SetClaimsOfAll(subject, claims)),
        3 => any().prop_map(Op::Retry),
        2 => any().prop_map(Op::Present),
        1 => any().prop_map(Op::RevokeSession),
        1 => (0..SUBJECTS.len()).prop_map(Op::RevokeSubject),
        1 => any().prop_map(Op::Deny),
        4 => prop_oneof![0..20_u64, GRACE - 3..GRACE + 3, 0..GRACE, 0..TTL, Just(TTL), Just(MAX_AGE)].prop_map(Op::Pass),
        1 => Just(Op::Sweep),
        1 => Just(Op::Restart),
        2 => (0..5_usize).prop_map(Op::Failover),
    ]
}

/// What the reference knows about a session.
#[derive(Clone)]
struct Known {
    subject: usize,
    created: u64,
    rotated: u64,
    expires: u64,
    generation: u32,
    /// Writes of the session may have been lost.
    doubtful: bool,
    /// Writes may have been lost before the last rotation.
    rescued: bool,
    /// The claims of the current access token, and those of the next.
    claims: &'static str,
    next_claims: &'static str,
}

struct World {
    now: u64,
    life: u32,
    alive_since: u64,
    store: Store,
    /// The replicated effects, and the reference's state after each.
    log: Vec<(Vec<u8>, BTreeMap<SessionId, Known>)>,
    known: BTreeMap<SessionId, Known>,
    /// Every token that was issued.
    tokens: Vec<Presented>,
    /// The last two tokens of each session's client, as long as nobody else has used one.
    clients: BTreeMap<SessionId, Vec<Presented>>,
    next_id: u8,
}

impl World {
    fn new() -> Self {
        Self {
            now: 1_700_000_000_000,
            life: 1,
            alive_since: 0,
            store: Store::default(),
            log: Vec::new(),
            known: BTreeMap::new(),
            tokens: Vec::new(),
            clients: BTreeMap::new(),
            next_id: 0,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            now: Timestamp(self.now),
            grace: Span(GRACE),
            retry: Span(0),
            not_before: Timestamp(0),
            max_age: Span(MAX_AGE),
            life: self.store.own_life(self.life),
            alive_since: Timestamp(self.alive_since),
        }
    }

    fn commit(&mut self, changes: Vec<Change>) {
        for change in &changes {
            self.store.apply(change);
            self.store.mark(change, self.life);
        }
        let step = Changes { changes, expires: self.store.end() };
        self.log.push((step.encode(), self.known.clone()));
    }

    fn issue(&mut self, subject: usize) {
        self.next_id += 1;
        let id = SessionId([self.next_id; 16]);
        let (now, end) = (Timestamp(self.now), Timestamp(self.now + TTL));
        let session = Session::new(SUBJECTS[subject], now, end, 900, (TTL / 1000) as u32);
        let session = session.with(&["api", "billing"][..subject.min(2)], Some(CLAIMS[1]), None);
        self.known.insert(
            id,
            Known {
                subject,
                created: self.now,
                rotated: self.now,
                expires: end.0,
                generation: 1,
                doubtful: false,
                rescued: false,
                claims: CLAIMS[1],
                next_claims: CLAIMS[1],
            },
        );
        self.commit(vec![Change::Issue(id, Box::new(session))]);
        self.hand_out(Presented { session: id, generation: Generation(1), expires: end });
    }

    fn hand_out(&mut self, token: Presented) {
        self.tokens.push(token);
        self.clients.entry(token.session).or_default().push(token);
    }

    /// The expected decision, from the reference alone.
    fn expected(&self, token: &Presented) -> Judgement {
        let over = token.expires.0 <= self.now;
        let Some(known) = self.known.get(&token.session).filter(|known| known.expires > self.now) else {
            return if over { Judgement::Expired } else { Judgement::Revoked };
        };
        let presented = token.generation.0;
        if presented < known.generation {
            let recent = self.now < known.rotated + GRACE;
            let revived = known.doubtful
                && self.alive_since > known.rotated
                && self.alive_since <= known.rotated + 900_000
                && self.now < self.alive_since + GRACE;
            let previous = presented + 1 == known.generation;
            return if previous && (recent || revived) { Judgement::Replay } else { Judgement::Reused };
        }
        if presented > known.generation && !known.doubtful {
            return if known.rescued { Judgement::Reused } else { Judgement::Forged };
        }
        if over || (known.created + MAX_AGE) / 1000 <= self.now / 1000 {
            return Judgement::Expired;
        }
        if presented > known.generation { Judgement::RollForward } else { Judgement::Rotate }
    }

    fn present(
        &mut self,
        token: Presented,
        claims: Option<&'static str>,
    ) -> Result<Judgement, TestCaseError> {
        let judgement = judge(self.store.get(token.session), &token, &self.rules());
        prop_assert_eq!(judgement, self.expected(&token), "{:?}", token);
        match judgement {
            Judgement::Rotate | Judgement::RollForward => {
                let Some(known) = self.known.get_mut(&token.session) else { return Ok(judgement) };
                let expires = (self.now + TTL).min(known.created + MAX_AGE);
                let generation = token.generation.next().unwrap();
                known.rescued |= known.doubtful;
                (known.generation, known.rotated, known.expires, known.doubtful) =
                    (generation.0, self.now, expires, false);
                known.claims = claims.unwrap_or(known.next_claims);
                known.next_claims = known.claims;
                let claims = self.store.get(token.session).and_then(|session| session.changed_claims(claims));
                let (at, end) = (Timestamp(self.now), Timestamp(expires));
                let rotation = Rotation { generation, at, expires: end, claims, meta: None };
                self.commit(vec![Change::Rotate(token.session, rotation)]);
                self.hand_out(Presented { session: token.session, generation, expires: Timestamp(expires) });
            }
            Judgement::Replay => {
                // The successor must be reproducible from the session alone.
                let session = self.store.get(token.session).unwrap();
                let (generation, expires) = (session.generation, session.expires);
                self.hand_out(Presented { session: token.session, generation, expires });
            }
            Judgement::Reused => self.end(token.session),
            _ => {}
        }
        Ok(judgement)
    }

    /// LW.CLAIMS, as the command does it, for those of `ids` that are in the reference.
    fn set_claims(&mut self, ids: &[SessionId], claims: &'static str) -> Result<(), TestCaseError> {
        let mut sessions = Vec::new();
        for id in ids {
            let Some(known) = self.known.get_mut(id).filter(|known| known.expires > self.now) else {
                continue;
            };
            let Some(session) = self.store.get(*id) else { continue };
            prop_assert_eq!(session.next_claims() == claims, known.next_claims == claims);
            if session.next_claims() != claims {
                sessions.push((*id, session.generation));
            }
            known.next_claims = claims;
        }
        if !sessions.is_empty() {
            self.commit(vec![Change::Claims(sessions, claims.into())]);
        }
        Ok(())
    }

    fn end(&mut self, id: SessionId) {
        self.known.remove(&id);
        self.commit(vec![Change::End(id)]);
    }

    fn restart(&mut self) {
        let mut pieces = Vec::new();
        snapshot::write(&self.store, &mut |piece| pieces.push(piece.to_vec()));
        let mut rest = pieces[1..].iter().cloned();
        self.store = if self.store.is_empty() {
            Store::default()
        } else {
            snapshot::read(&pieces[0], &mut || rest.next()).expect("what it saved")
        };
        self.begin_life();
    }

    fn failover(&mut self, lost: usize) {
        self.log.truncate(self.log.len().saturating_sub(lost));
        let mut store = Store::default();
        for (effect, _) in &self.log {
            let Ok(StoreEffect::Changes(step)) = StoreEffect::decode(effect) else { panic!("no step") };
            // Applying it again must change nothing.
            step.changes.iter().for_each(|change| store.apply(change));
            step.changes.iter().for_each(|change| store.apply(change));
        }
        self.store = store;
        self.known = self.log.last().map(|(_, known)| known.clone()).unwrap_or_default();
        self.begin_life();
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.alive_since = self.now;
        self.known.values_mut().for_each(|known| (known.doubtful, known.rescued) = (true, false));
    }

    /// A client that presents its last token is accepted, unless its session has ended or is
    /// unknown.
    fn refresh(&mut self, id: SessionId, claims: Option<&'static str>) -> Result<(), TestCaseError> {
        let Some(token) = self.clients.get(&id).and_then(|tokens| tokens.last()).copied() else {
            return Ok(());
        };
        let known = self.known.get(&id);
        let alive = known.is_some_and(|known| {
            known.expires > self.now && (known.created + MAX_AGE) / 1000 > self.now / 1000
        });
        let judgement = self.present(token, claims)?;
        if alive && token.expires.0 > self.now {
            let accepted =
                matches!(judgement, Judgement::Rotate | Judgement::RollForward | Judgement::Replay);
            prop_assert!(accepted, "locked out: {:?} {:?}", token, judgement);
        } else {
            prop_assert!(!matches!(judgement, Judgement::Rotate | Judgement::RollForward), "{:?}", judgement);
        }
        Ok(())
    }

    fn run(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let ids: Vec<_> = self.clients.keys().copied().collect();
        let pick = |index: &prop::sample::Index| (!ids.is_empty()).then(|| *index.get(&ids));
        match op {
            Op::Issue(subject) if self.next_id < 200 => self.issue(*subject),
            Op::Issue(_) => {}
            Op::Refresh(index) => {
                if let Some(id) = pick(index) {
                    self.refresh(id, None)?;
                }
            }
            Op::RefreshWith(index, claims) => {
                if let Some(id) = pick(index) {
                    self.refresh(id, Some(CLAIMS[*claims]))?;
                }
            }
            Op::SetClaims(index, claims) => {
                if let Some(id) = pick(index) {
                    self.set_claims(&[id], CLAIMS[*claims])?;
                }
            }
            Op::SetClaimsOfAll(subject, claims) => {
                let ids: Vec<_> = self.store.of_subject(SUBJECTS[*subject]).map(|(id, _)| id).collect();
                self.set_claims(&ids, CLAIMS[*claims])?;
            }
            Op::Retry(index) => {
                let Some(id) = pick(index) else { return Ok(()) };
                let Some([.., before, _]) = self.clients.get(&id).map(Vec::as_slice) else { return Ok(()) };
                let before = *before;
                if self.expected(&before) == Judgement::Replay {
                    self.present(before, None)?;
                }
            }
            Op::Present(index) => {
                if !self.tokens.is_empty() {
                    let token = *index.get(&self.tokens);
                    self.present(token, None)?;
                    // The client's tokens are unknown from here on.
                    self.clients.remove(&token.session);
                }
            }
            Op::RevokeSession(index) => {
                if let Some(id) = pick(index).filter(|id| self.store.get(*id).is_some()) {
                    self.end(id);
                }
            }
            Op::RevokeSubject(subject) => {
                let ids: Vec<_> = self.store.of_subject(SUBJECTS[*subject]).map(|(id, _)| id).collect();
                let known = self.known.iter();
                let known = known.filter(|(_, known)| known.subject == *subject && known.expires > self.now);
                prop_assert!(known.map(|(id, _)| id).all(|id| ids.contains(id)));
                ids.into_iter().for_each(|id| self.end(id));
            }
            Op::Deny(index) => {
                let Some(id) = pick(index) else { return Ok(()) };
                let Some(generation) = self.store.get(id).map(|session| session.generation) else {
                    return Ok(());
                };
                let until = Timestamp(self.now + 900_000);
                self.commit(vec![Change::Deny(id, generation, Timestamp(self.now), until)]);
                prop_assert!(self.store.get(id).is_some_and(|session| session.denies(generation)));
            }
            Op::Pass(ms) => self.now += ms,
            Op::Sweep => {
                let ended: Vec<_> = self.store.ended(Timestamp(self.now), 8).collect();
                for id in ended {
                    prop_assert!(self.known.get(&id).is_none_or(|known| known.expires <= self.now));
                    self.commit(vec![Change::End(id)]);
                }
            }
            Op::Restart => self.restart(),
            Op::Failover(lost) => self.failover(*lost),
        }
        Ok(())
    }

    /// The indexes agree, and so does the count of bytes.
    fn check(&self) -> Result<(), TestCaseError> {
        let by_subject: usize = SUBJECTS.iter().map(|subject| self.store.of_subject(subject).count()).sum();
        prop_assert_eq!(by_subject, self.store.len());
        prop_assert_eq!(self.store.ended(Timestamp::NEVER, usize::MAX).count(), self.store.len());
        let mut rebuilt = Store::default();
        rebuilt.extend(self.store.iter().map(|(id, session)| (id, Box::new(session.clone()))).collect());
        prop_assert_eq!(self.store.end(), rebuilt.end());
        prop_assert_eq!(self.store.size(), rebuilt.size());
        let now = Timestamp(self.now);
        prop_assert_eq!(self.store.count_ended(now), self.store.ended(now, usize::MAX).count());
        for (id, known) in self.known.iter().filter(|(_, known)| known.expires > self.now) {
            let session = self.store.get(*id);
            let Some(session) = session else { return Err(TestCaseError::fail("a session is missing")) };
            prop_assert_eq!(session.generation.0, known.generation);
            prop_assert_eq!((session.claims(), session.next_claims()), (known.claims, known.next_claims));
            prop_assert!(session.is_sound());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_dead_token_is_accepted_and_no_client_locked_out(ops in prop::collection::vec(op(), 1..80)) {
        let mut world = World::new();
        for op in &ops {
            world.run(op)?;
            world.check()?;
        }
    }

    #[test]
    fn a_damaged_snapshot_is_read_or_refused(at: prop::sample::Index, byte: u8, cut: prop::sample::Index, raw: Vec<u8>) {
        let mut world = World::new();
        (0..3).for_each(|subject| world.issue(subject));
        world.run(&Op::Deny(cut))?;
        world.run(&Op::SetClaims(at, 2))?;
        let mut pieces = Vec::new();
        snapshot::write(&world.store, &mut |piece| pieces.push(piece.to_vec()));
        let which = at.index(pieces.len());
        let piece = &mut pieces[which];
        let place = cut.index(piece.len());
        piece[place] = byte;
        for pieces in [pieces, vec![raw.clone()], vec![vec![1, 1], raw]] {
            let mut rest = pieces[1..].iter().cloned();
            if let Ok(store) = snapshot::read(&pieces[0], &mut || rest.next()) {
                let mut again = Vec::new();
                snapshot::write(&store, &mut |piece| again.push(piece.to_vec()));
                let mut rest = again[1..].iter().cloned();
                prop_assert!(snapshot::read(&again[0], &mut || rest.next()).is_ok());
            }
        }
    }

    #[test]
    fn an_old_change_of_claims_does_not_undo_a_rotation(claims in 0..CLAIMS.len(), given in prop::option::of(0..CLAIMS.len())) {
        let mut world = World::new();
        world.issue(0);
        world.set_claims(&[SessionId([1; 16])], CLAIMS[claims])?;
        world.refresh(SessionId([1; 16]), given.map(|given| CLAIMS[given]))?;
        let before: Vec<_> = world.store.iter().map(|(_, session)| session.clone()).collect();
        for (effect, _) in &world.log {
            let Ok(StoreEffect::Changes(step)) = StoreEffect::decode(effect) else { panic!("no step") };
            step.changes.iter().for_each(|change| world.store.apply(change));
        }
        let after: Vec<_> = world.store.iter().map(|(_, session)| session.clone()).collect();
        prop_assert_eq!(after, before);
    }

    #[test]
    fn any_bytes_are_an_effect_or_refused(bytes: Vec<u8>) {
        let _ = StoreEffect::decode(&bytes);
    }
}
