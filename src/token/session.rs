//! A session: one login of a subject, and everything that its tokens are made of.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::id::Generation;
use super::strict;

/// The longest subject, audience or issuer, in bytes (OpenID Connect Core, section 2, for
/// subjects).
pub(crate) const NAME: usize = 255;
/// The longest lifetime of a token, in seconds: ten years.
pub(crate) const MOST_TTL: u32 = (Span::MAX.0 / 1000) as u32;
/// The greatest `jwt-leeway`, in seconds.
pub(crate) const MOST_LEEWAY: u32 = 300;
/// How long a revoked access token is remembered after its end: the largest leeway, and a day by
/// which the clock may be set back.
pub(crate) const REMEMBERED: Span = Span((MOST_LEEWAY as u64 + 86_400) * 1000);
/// The most audiences of a session, and their bytes in all.
pub(crate) const MOST_AUDIENCES: usize = 8;
pub(crate) const AUDIENCE_BYTES: usize = 1024;
/// The most revoked access tokens that a session remembers. One more ends the session.
pub(crate) const MOST_DENIED: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub subject: Box<str>,
    pub created: Timestamp,
    /// When its current tokens were issued.
    pub rotated: Timestamp,
    /// The end of its current refresh token.
    pub expires: Timestamp,
    /// The generation of its current tokens.
    pub generation: Generation,
    /// The lifetime of an access token, in seconds.
    pub access_ttl: u32,
    /// The lifetime of a refresh token, in seconds; 0 if the session has none.
    pub refresh_ttl: u32,
    /// The life of its store in which it was last rotated here.
    #[serde(skip)]
    pub life: Life,
    /// Fields that few sessions have, boxed to keep the others small.
    more: Option<Box<More>>,
}

/// The number of its store for the life of the data (see [`life`](super::life)) in which a session
/// began or was last rotated here; 0 if it came from a file or from a primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life(u32);

impl Life {
    /// Set if the session came from elsewhere and was then rotated in this life. Writes may have
    /// been lost before that.
    const RESCUED: u32 = 1 << 31;
    /// The greatest number.
    pub(crate) const MOST: u32 = Self::RESCUED - 1;

    pub(crate) fn begun(life: u32) -> Self {
        Self(life & !Self::RESCUED)
    }

    /// The value after a rotation in `life`.
    pub(crate) fn rotated_in(self, life: u32) -> Self {
        if self.is_in(life) { self } else { Self(life | Self::RESCUED) }
    }

    pub(crate) fn is_in(self, life: u32) -> bool {
        self.0 & !Self::RESCUED == life & !Self::RESCUED
    }

    /// Whether writes may have been lost before this life.
    pub(crate) fn is_rescued(self) -> bool {
        self.0 & Self::RESCUED != 0
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct More {
    audience: Box<[Box<str>]>,
    /// Those of the current access token.
    claims: Option<Box<str>>,
    /// Those from the next rotation on, if LW.CLAIMS has set others; empty for none.
    next_claims: Option<Box<str>>,
    meta: Option<Box<str>>,
    /// Revoked access tokens and until when each is remembered, in ascending order.
    denied: Vec<(Generation, Timestamp)>,
}

impl Session {
    pub(crate) fn new(
        subject: &str,
        now: Timestamp,
        expires: Timestamp,
        access_ttl: u32,
        refresh_ttl: u32,
    ) -> Self {
        Self {
            subject: subject.into(),
            created: now,
            rotated: now,
            expires,
            generation: Generation::FIRST,
            access_ttl,
            refresh_ttl,
            life: Life::default(),
            more: None,
        }
    }

    /// Adds the audiences, claims and metadata that the caller gave.
    pub(crate) fn with(mut self, audience: &[&str], claims: Option<&str>, meta: Option<&str>) -> Self {
        self.change(|more| {
            more.audience = audience.iter().map(|&name| name.into()).collect();
            more.claims = claims.map(Into::into);
            more.meta = meta.map(Into::into);
        });
        self
    }

    /// Its own audiences, if it has any.
    pub(crate) fn audience(&self) -> &[Box<str>] {
        self.more.as_ref().map_or(&[], |more| &more.audience)
    }

    /// The claims of its current access token: the members of CLAIMS, without the enclosing braces.
    pub(crate) fn claims(&self) -> &str {
        self.more.as_ref().and_then(|more| more.claims.as_deref()).unwrap_or_default()
    }

    /// The claims of its next access token, unless the rotation brings others.
    pub(crate) fn next_claims(&self) -> &str {
        let next = self.more.as_ref().and_then(|more| more.next_claims.as_deref());
        next.unwrap_or_else(|| self.claims())
    }

    /// What a rotation makes of the claims, if it changes them. `given` are those that it brings.
    pub(crate) fn changed_claims(&self, given: Option<&str>) -> Option<String> {
        let claims = given.unwrap_or_else(|| self.next_claims());
        (claims != self.claims()).then(|| claims.to_owned())
    }

    /// Whether these claims take more memory than those that it holds.
    pub(crate) fn grows_by(&self, claims: &str) -> bool {
        claims.len() > self.claims().len().max(self.next_claims().len())
    }

    /// The metadata that the application gave.
    pub(crate) fn meta(&self) -> Option<&str> {
        self.more.as_ref()?.meta.as_deref()
    }

    pub(crate) fn is_live(&self, now: Timestamp, not_before: Timestamp) -> bool {
        now < self.expires && self.created >= not_before
    }

    /// When its current access token was issued, in Unix seconds.
    pub(crate) fn issued_s(&self) -> u64 {
        self.rotated.0 / 1000
    }

    /// When its current access token ends, in Unix seconds: at the latest with the session.
    pub(crate) fn access_expires_s(&self) -> u64 {
        (self.issued_s() + u64::from(self.access_ttl)).min(self.expires.0 / 1000)
    }

    /// Whether the access token of this generation was revoked.
    pub(crate) fn denies(&self, generation: Generation) -> bool {
        let denied = self.more.as_ref().map(|more| more.denied.as_slice()).unwrap_or_default();
        denied.binary_search_by_key(&generation, |(generation, _)| *generation).is_ok()
    }

    /// How many revoked access tokens it remembers.
    pub(crate) fn denied(&self) -> usize {
        self.more.as_ref().map_or(0, |more| more.denied.len())
    }

    /// Revokes the access token of this generation, and remembers that until `until`.
    pub(super) fn deny(&mut self, generation: Generation, until: Timestamp) {
        self.change(|more| {
            match more.denied.binary_search_by_key(&generation, |(generation, _)| *generation) {
                Ok(at) => more.denied[at].1 = more.denied[at].1.max(until),
                Err(at) => more.denied.insert(at, (generation, until)),
            }
        });
    }

    pub(super) fn rotate(&mut self, rotation: &Rotation) {
        self.generation = rotation.generation;
        self.rotated = rotation.at;
        self.expires = rotation.expires;
        self.forget_denied(rotation.at);
        if self.more.is_none() && rotation.claims.is_none() && rotation.meta.is_none() {
            return;
        }
        self.change(|more| {
            more.next_claims = None;
            if let Some(claims) = &rotation.claims {
                more.claims = Some(claims.as_str()).filter(|claims| !claims.is_empty()).map(Into::into);
            }
            if let Some(meta) = &rotation.meta {
                more.meta = Some(meta.as_str().into());
            }
        });
    }

    /// Sets the claims of the next access token.
    pub(super) fn set_next_claims(&mut self, claims: &str) {
        let next = (claims != self.claims()).then(|| claims.into());
        self.change(|more| more.next_claims = next);
    }

    /// Forgets revoked access tokens that have ended by `now`.
    pub(super) fn forget_denied(&mut self, now: Timestamp) {
        if self.denied() > 0 {
            self.change(|more| more.denied.retain(|(_, until)| *until > now));
        }
    }

    fn change(&mut self, act: impl FnOnce(&mut More)) {
        let mut more = self.more.take().unwrap_or_default();
        act(&mut more);
        self.more = Some(more).filter(|more| **more != More::default());
    }

    /// Its approximate size in bytes, itself included.
    pub(super) fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let more = self.more.as_ref().map_or(0, |more| {
            let audience = more.audience.iter().map(|name| size_of_val(name) + name.len()).sum::<usize>();
            let texts = text(&more.claims) + text(&more.next_claims) + text(&more.meta);
            size_of::<More>() + audience + texts + more.denied.len() * size_of::<(Generation, Timestamp)>()
        });
        size_of::<Self>() + self.subject.len() + more
    }

    /// Whether this module can have made it. Loaded bytes may be damaged or hostile.
    pub(super) fn is_sound(&self) -> bool {
        // The times are in no order: different servers with different clocks may have set them.
        let times =
            [self.created, self.rotated, self.expires].into_iter().all(|time| time < Timestamp::NEVER);
        let numbers = self.generation >= Generation::FIRST
            && (1..=MOST_TTL).contains(&self.access_ttl)
            && self.refresh_ttl <= MOST_TTL;
        times && numbers && is_name(&self.subject) && self.more.as_ref().is_none_or(|more| more.is_sound())
    }
}

impl More {
    fn is_sound(&self) -> bool {
        let audience =
            self.audience.iter().all(|name| is_name(name)) && check_audience(&self.audience).is_ok();
        let are_claims = |claims: &str| {
            strict::own_claims(&format!("{{{claims}}}")).is_ok_and(|members| *members == *claims)
        };
        let claims = self.claims.as_deref().is_none_or(are_claims);
        let next = self.next_claims.as_deref();
        let next =
            next.is_none_or(|next| are_claims(next) && next != self.claims.as_deref().unwrap_or_default());
        let meta = self.meta.as_deref().is_none_or(|meta| strict::meta(meta.as_bytes()).is_ok());
        let ascending = self.denied.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let denied = ascending && self.denied.len() <= MOST_DENIED;
        *self != Self::default() && audience && claims && next && meta && denied
    }
}

pub(crate) fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len()) && !text.contains('\0')
}

/// Checks the audiences of a session together. The error says what is wrong and shows no name.
pub(crate) fn check_audience(names: &[impl AsRef<str>]) -> Result<(), String> {
    if names.len() > MOST_AUDIENCES {
        return Err(format!("AUDIENCE is given more than {MOST_AUDIENCES} times"));
    }
    let bytes: usize = names.iter().map(|name| name.as_ref().len()).sum();
    if bytes > AUDIENCE_BYTES {
        return Err(format!("the audiences have {bytes} bytes in all, more than {AUDIENCE_BYTES}"));
    }
    let is_twice =
        |(i, name): (usize, &_)| names[..i].iter().any(|other| other.as_ref() == AsRef::as_ref(name));
    if names.iter().enumerate().any(is_twice) {
        return Err("AUDIENCE names one audience twice".to_owned());
    }
    Ok(())
}

/// The changes that a rotation makes to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub generation: Generation,
    pub at: Timestamp,
    /// The end of the new refresh token.
    pub expires: Timestamp,
    /// The claims of the new access token, if they differ from the previous one's; empty for none.
    pub claims: Option<String>,
    /// New metadata, if the application gave any.
    pub meta: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(audience: &[&str], claims: Option<&str>) -> Session {
        Session::new("alice", Timestamp(1), Timestamp(2), 900, 604_800).with(audience, claims, None)
    }

    fn rotation(claims: Option<&str>) -> Rotation {
        let claims = claims.map(str::to_owned);
        Rotation { generation: Generation(2), at: Timestamp(1), expires: Timestamp(2), claims, meta: None }
    }

    #[test]
    fn eight_audiences_of_1024_bytes_in_all_are_accepted() {
        let names = |count: usize, len: usize| -> Vec<_> {
            (0..count).map(|i| format!("{i}{}", "x".repeat(len - 1))).collect()
        };
        assert_eq!(check_audience(&names(8, 128)), Ok(()));
        assert_eq!(check_audience(&names(0, 1)), Ok(()));
        for (names, why) in [
            (names(9, 1), "AUDIENCE is given more than 8 times"),
            (names(5, 205), "the audiences have 1025 bytes in all, more than 1024"),
            (vec!["a".into(), "b".into(), "a".into()], "AUDIENCE names one audience twice"),
        ] {
            assert_eq!(check_audience(&names), Err(why.to_owned()));
        }
    }

    #[test]
    fn next_claims_become_the_claims_by_a_rotation() {
        let mut session = session(&[], Some("\"a\":1"));
        session.set_next_claims("");
        assert_eq!((session.claims(), session.next_claims()), ("\"a\":1", ""));
        assert_eq!(session.changed_claims(None).as_deref(), Some(""));
        assert_eq!(session.changed_claims(Some("\"a\":1")), None, "those of the call come first");
        let mut kept = session.clone();
        kept.rotate(&rotation(None));
        assert_eq!((kept.claims(), kept.next_claims()), ("\"a\":1", "\"a\":1"));
        session.rotate(&rotation(Some("")));
        assert_eq!((session.claims(), session.next_claims()), ("", ""));
        assert!(session.more.is_none(), "a session without options takes no more memory");
        session.rotate(&rotation(Some("\"b\":2")));
        assert_eq!(session.claims(), "\"b\":2");
        session.set_next_claims("\"b\":2");
        assert_eq!(session.changed_claims(None), None);
    }

    #[test]
    fn only_claims_longer_than_all_that_a_session_holds_need_memory() {
        let mut session = session(&[], Some("\"a\":1"));
        assert_eq!(["", "\"b\":2", "\"a\":12"].map(|claims| session.grows_by(claims)), [false, false, true]);
        session.set_next_claims("\"a\":12");
        assert!(!session.grows_by("\"b\":34"));
    }

    #[test]
    fn a_session_that_no_call_can_make_is_unsound() {
        let sound = session(&["a", "b"], Some("\"a\":1"));
        assert!(sound.is_sound());
        let many: Vec<String> = (0..9).map(|i| i.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let long = "x".repeat(256);
        for audience in [&["a", "a"][..], &["a", ""], &["a\0"], &[&long], &many] {
            assert!(!session(audience, None).is_sound(), "{audience:?}");
        }
        let with_next = |next: &str| {
            let mut session = sound.clone();
            session.change(|more| more.next_claims = Some(next.into()));
            session
        };
        assert!(with_next("").is_sound() && with_next("\"b\":[]").is_sound());
        for next in ["\"a\":1", "\"sub\":\"x\"", "\"b\":1}", "\"b\":1,", " ", "\"b\":1,\"b\":2"] {
            assert!(!with_next(next).is_sound(), "{next}");
        }
    }
}
