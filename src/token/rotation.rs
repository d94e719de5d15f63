//! Decides what to do with a presented refresh token. This table makes a stolen token useless.
//!
//! | presented token | decision |
//! |---|---|
//! | its session is not in the store | `Expired` if the token is past its end, else `Revoked` |
//! | the generation before the current one, within grace | `Replay`: the same successor again |
//! | any other older generation, expired or not | `Reused`: the session ends |
//! | a later generation than stored, if its rotation may have been lost | `RollForward` |
//! | the same, but the session was rotated since the loss | `Reused` |
//! | a later generation otherwise | `Forged` |
//! | the current one, past its end | `Expired` |
//! | the current one | `Rotate` |

use crate::text::time::{Span, Timestamp};

use super::id::{Generation, SessionId};
use super::session::Session;

/// A restart or promotion restarts the grace of rotations that are at most this old.
const RECENT: Span = Span(15 * 60 * 1000);

/// A refresh token with a valid authentication code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presented {
    pub session: SessionId,
    pub generation: Generation,
    pub expires: Timestamp,
}

/// The time and the settings that a decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub now: Timestamp,
    /// How long the previous token still gets the same successor.
    pub grace: Span,
    /// A longer grace for lost replies, as long as the successor was not used.
    pub retry: Span,
    /// Sessions that began earlier have ended.
    pub not_before: Timestamp,
    /// The longest life of a session.
    pub max_age: Span,
    /// The number of the session's store for the current life; see [`life`](super::life).
    pub life: u32,
    pub alive_since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Rotate,
    /// Accept the presented token, whose rotation was lost with an earlier copy of the data.
    RollForward,
    /// Issue the current tokens again.
    Replay,
    Reused,
    /// Only somebody who knows the refresh secret can have made it.
    Forged,
    Expired,
    /// The session has ended or was never in this store.
    Revoked,
}

pub(crate) fn judge(session: Option<&Session>, presented: &Presented, rules: &Rules) -> Judgement {
    let is_over = presented.expires <= rules.now;
    let Some(session) = session.filter(|session| session.is_live(rules.now, rules.not_before)) else {
        return if is_over { Judgement::Expired } else { Judgement::Revoked };
    };
    if session.refresh_ttl == 0 {
        return Judgement::Forged;
    }
    if presented.generation < session.generation {
        let is_previous = presented.generation.precedes(session.generation);
        return if is_previous && is_in_grace(session, rules) {
            Judgement::Replay
        } else {
            Judgement::Reused
        };
    }
    let is_later = presented.generation > session.generation;
    if is_later && session.life.is_in(rules.life) {
        // After a loss both tokens may be genuine. Two clients then hold tokens of one session, and
        // one of them stole its token.
        return if session.life.is_rescued() { Judgement::Reused } else { Judgement::Forged };
    }
    let has_successor = presented.generation.next().is_some();
    if is_over || !has_successor || ends_now(session, rules) {
        return Judgement::Expired;
    }
    if is_later { Judgement::RollForward } else { Judgement::Rotate }
}

/// Whether the session is in its last second. An access token issued now would expire at once.
fn ends_now(session: &Session, rules: &Rules) -> bool {
    (session.created + rules.max_age).0 / 1000 <= rules.now.0 / 1000
}

/// Whether the reply to the last rotation may still be in flight or may have been lost.
fn is_in_grace(session: &Session, rules: &Rules) -> bool {
    let grace = rules.grace.max(rules.retry);
    let ends = session.rotated + grace;
    // The reply may have been lost with the previous server, so the grace starts again with this
    // life.
    let revived = !session.life.is_in(rules.life)
        && rules.alive_since > session.rotated
        && rules.alive_since - session.rotated <= RECENT;
    rules.now < ends || (revived && rules.now < rules.alive_since + rules.grace)
}

#[cfg(test)]
mod tests {
    use super::super::session::Life;
    use super::*;

    const DAY: u64 = 86_400_000;
    const T: u64 = 1_700_000_000_000;

    fn rules(now: u64) -> Rules {
        Rules {
            now: Timestamp(now),
            grace: Span(10_000),
            retry: Span(0),
            not_before: Timestamp(0),
            max_age: Span(30 * DAY),
            life: 7,
            alive_since: Timestamp(1),
        }
    }

    /// A session that began at T and was rotated to generation 5 at T + 1 h, in this life.
    fn session() -> Session {
        let mut session = Session::new("alice", Timestamp(T), Timestamp(T + 7 * DAY), 900, 604_800);
        (session.generation, session.life) = (Generation(5), Life::begun(7));
        session.rotated = Timestamp(ROTATED);
        session
    }

    const ROTATED: u64 = T + 3_600_000;

    fn of(generation: u32, session: &Session, rules: &Rules) -> Judgement {
        let expires = session.expires;
        judge(
            Some(session),
            &Presented { session: SessionId([1; 16]), generation: Generation(generation), expires },
            rules,
        )
    }

    #[test]
    fn the_current_token_is_rotated_until_its_very_end() {
        let session = session();
        let end = session.expires.0;
        assert_eq!(of(5, &session, &rules(ROTATED)), Judgement::Rotate);
        assert_eq!(of(5, &session, &rules(end - 1)), Judgement::Rotate);
        assert_eq!(of(5, &session, &rules(end)), Judgement::Expired);
        // The last second of a session allows no rotation.
        assert_eq!(of(5, &session, &Rules { max_age: Span(DAY), ..rules(T + DAY - 1) }), Judgement::Rotate);
        assert_eq!(of(5, &session, &Rules { max_age: Span(DAY), ..rules(T + DAY) }), Judgement::Expired);
        let odd = Span(DAY + 500);
        assert_eq!(of(5, &session, &Rules { max_age: odd, ..rules(T + DAY) }), Judgement::Expired);
    }

    #[test]
    fn the_one_before_is_replayed_for_exactly_the_grace() {
        let session = session();
        for (after, judgement) in [
            (0, Judgement::Replay),
            (1, Judgement::Replay),
            (9_999, Judgement::Replay),
            (10_000, Judgement::Reused),
            (DAY, Judgement::Reused),
        ] {
            assert_eq!(of(4, &session, &rules(ROTATED + after)), judgement, "{after}");
        }
        let none = Rules { grace: Span(0), ..rules(ROTATED) };
        assert_eq!(of(4, &session, &none), Judgement::Reused);
        let retry = |after| Rules { retry: Span(60_000), ..rules(ROTATED + after) };
        assert_eq!(of(4, &session, &retry(59_999)), Judgement::Replay);
        assert_eq!(of(4, &session, &retry(60_000)), Judgement::Reused);
    }

    #[test]
    fn older_ones_are_reused_even_in_grace_and_past_their_own_end() {
        let session = session();
        for generation in 1..=3 {
            assert_eq!(of(generation, &session, &rules(ROTATED)), Judgement::Reused);
        }
        let presented =
            Presented { session: SessionId([1; 16]), generation: Generation(2), expires: Timestamp(T) };
        assert_eq!(judge(Some(&session), &presented, &rules(ROTATED)), Judgement::Reused);
    }

    #[test]
    fn a_later_one_is_accepted_only_where_a_write_can_have_been_lost() {
        let mut session = session();
        assert_eq!(of(6, &session, &rules(ROTATED)), Judgement::Forged);
        session.life = Life::default();
        assert_eq!(of(6, &session, &rules(ROTATED)), Judgement::RollForward);
        session.life = Life::default().rotated_in(7);
        assert_eq!(of(6, &session, &rules(ROTATED)), Judgement::Reused, "one of two is a thief");
        assert_eq!(of(5, &session, &rules(ROTATED)), Judgement::Rotate);
        session.life = Life::default();
        assert_eq!(of(60, &session, &rules(ROTATED)), Judgement::RollForward);
        assert_eq!(of(u32::MAX, &session, &rules(ROTATED)), Judgement::Expired);
        let over =
            Presented { session: SessionId([1; 16]), generation: Generation(6), expires: Timestamp(ROTATED) };
        assert_eq!(judge(Some(&session), &over, &rules(ROTATED)), Judgement::Expired);
    }

    #[test]
    fn a_restart_soon_after_a_rotation_begins_the_grace_anew() {
        let mut session = session();
        session.life = Life::default();
        let at = |began: u64, after: u64| Rules {
            alive_since: Timestamp(ROTATED + began),
            ..rules(ROTATED + began + after)
        };
        assert_eq!(of(4, &session, &at(60_000, 0)), Judgement::Replay);
        assert_eq!(of(4, &session, &at(60_000, 9_999)), Judgement::Replay);
        assert_eq!(of(4, &session, &at(60_000, 10_000)), Judgement::Reused);
        assert_eq!(of(4, &session, &at(900_000, 0)), Judgement::Replay);
        assert_eq!(of(4, &session, &at(900_001, 0)), Judgement::Reused);
        session.life = Life::begun(7);
        assert_eq!(of(4, &session, &at(60_000, 0)), Judgement::Reused, "rotated in this life");
    }

    #[test]
    fn what_is_not_there_is_revoked_or_expired() {
        let presented = |expires| Presented {
            session: SessionId([1; 16]),
            generation: Generation(5),
            expires: Timestamp(expires),
        };
        let rules = rules(ROTATED);
        assert_eq!(judge(None, &presented(ROTATED + 1), &rules), Judgement::Revoked);
        assert_eq!(judge(None, &presented(ROTATED), &rules), Judgement::Expired);
        let session = session();
        let began = |not_before| Rules { not_before: Timestamp(not_before), ..rules };
        assert_eq!(of(5, &session, &began(T)), Judgement::Rotate);
        assert_eq!(of(5, &session, &began(T + 1)), Judgement::Revoked);
        assert_eq!(of(2, &session, &began(T + 1)), Judgement::Revoked);
        let mut alone = session;
        alone.refresh_ttl = 0;
        assert_eq!(of(5, &alone, &rules), Judgement::Forged);
    }
}
