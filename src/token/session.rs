//! A session: one login of a subject, and what its tokens are made of.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::id::Generation;
use super::strict;

/// The longest subject, audience and issuer, in bytes (OpenID Connect Core, section 2, for a subject).
pub const NAME: usize = 255;
/// The longest time to live of a token, in seconds: ten years.
pub const MOST_TTL: u32 = (Span::MAX.0 / 1000) as u32;
/// The greatest `jwt-leeway`, in seconds.
pub const MOST_LEEWAY: u32 = 300;
/// For how long behind its end an access token that was revoked is remembered: for any leeway, and a day in which the clock
/// may be set back.
pub const REMEMBERED: Span = Span((MOST_LEEWAY as u64 + 86_400) * 1000);
/// How many revoked access tokens of a session are remembered one by one. Beyond them the session is ended.
pub const MOST_DENIED: usize = 1000;

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub subject: Box<str>,
    /// When it began.
    pub created: Timestamp,
    /// When its current tokens were made.
    pub rotated: Timestamp,
    /// When it ends unless it is rotated: the end of its current refresh token.
    pub expires: Timestamp,
    /// That of its current tokens.
    pub generation: Generation,
    /// How long an access token lives, in seconds.
    pub access_ttl: u32,
    /// How long a refresh token lives, in seconds; 0 if there is none.
    pub refresh_ttl: u32,
    /// In which life of this copy it was last rotated here.
    #[serde(skip)]
    pub life: Life,
    /// What few sessions have, or none.
    more: Option<Box<More>>,
}

/// In which life of this copy of the data (see [`life`](super::life)) a session was begun or last rotated here; in none if
/// it came from elsewhere: a file, a primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life(u32);

impl Life {
    /// Set if the session came from elsewhere and was rotated in this life: writes of it may have been lost before.
    const RESCUED: u32 = 1 << 31;

    /// Of a session that begins in that life.
    pub fn begun(life: u32) -> Self {
        Self(life & !Self::RESCUED)
    }

    /// Of the same session, after it was rotated in that life.
    pub fn rotated_in(self, life: u32) -> Self {
        if self.is_in(life) { self } else { Self(life | Self::RESCUED) }
    }

    /// Whether it is that life.
    pub fn is_in(self, life: u32) -> bool {
        self.0 & !Self::RESCUED == life & !Self::RESCUED
    }

    /// Whether writes may have been lost before it.
    pub fn is_rescued(self) -> bool {
        self.0 & Self::RESCUED != 0
    }
}

/// What not every session has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct More {
    audience: Option<Box<str>>,
    claims: Option<Box<str>>,
    meta: Option<Box<str>>,
    /// Revoked access tokens, and until when that matters; ascending.
    denied: Vec<(Generation, Timestamp)>,
}

impl Session {
    /// A session of `subject` that begins at `now`.
    pub fn new(subject: &str, now: Timestamp, expires: Timestamp, access_ttl: u32, refresh_ttl: u32) -> Self {
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

    /// The same with the audience, the members of CLAIMS and the META that were given.
    pub fn with(mut self, audience: Option<&str>, claims: Option<&str>, meta: Option<&str>) -> Self {
        self.change(|more| {
            more.audience = audience.map(Into::into);
            more.claims = claims.map(Into::into);
            more.meta = meta.map(Into::into);
        });
        self
    }

    /// The audience, if it has one of its own.
    pub fn audience(&self) -> Option<&str> {
        self.more.as_ref()?.audience.as_deref()
    }

    /// The members of CLAIMS, without the braces around them.
    pub fn claims(&self) -> Option<&str> {
        self.more.as_ref()?.claims.as_deref()
    }

    /// What the application says of it.
    pub fn meta(&self) -> Option<&str> {
        self.more.as_ref()?.meta.as_deref()
    }

    /// Whether it can still be used at `now`, where what began before `not_before` can't.
    pub fn is_live(&self, now: Timestamp, not_before: Timestamp) -> bool {
        now < self.expires && self.created >= not_before
    }

    /// When its current access token was made, in Unix seconds.
    pub fn issued_s(&self) -> u64 {
        self.rotated.0 / 1000
    }

    /// When its current access token ends, in Unix seconds: never behind the session.
    pub fn access_expires_s(&self) -> u64 {
        (self.issued_s() + u64::from(self.access_ttl)).min(self.expires.0 / 1000)
    }

    /// Whether the access token of that generation was revoked.
    pub fn denies(&self, generation: Generation) -> bool {
        let denied = self.more.as_ref().map(|more| more.denied.as_slice()).unwrap_or_default();
        denied.binary_search_by_key(&generation, |(generation, _)| *generation).is_ok()
    }

    /// How many revoked access tokens it remembers.
    pub fn denied(&self) -> usize {
        self.more.as_ref().map_or(0, |more| more.denied.len())
    }

    /// From now on the access token of that generation is revoked, which matters until `until`.
    pub(super) fn deny(&mut self, generation: Generation, until: Timestamp) {
        self.change(|more| {
            match more.denied.binary_search_by_key(&generation, |(generation, _)| *generation) {
                Ok(at) => more.denied[at].1 = more.denied[at].1.max(until),
                Err(at) => more.denied.insert(at, (generation, until)),
            }
        });
    }

    /// It has been rotated.
    pub(super) fn rotate(&mut self, rotation: &Rotation) {
        self.generation = rotation.generation;
        self.rotated = rotation.at;
        self.expires = rotation.expires;
        self.forget_denied(rotation.at);
        if let Some(meta) = &rotation.meta {
            self.change(|more| more.meta = Some(meta.as_str().into()));
        }
    }

    /// Revoked access tokens that have ended by `now` need not be remembered.
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

    /// How many bytes it takes, about, itself included.
    pub(super) fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let more = self.more.as_ref().map_or(0, |more| {
            let texts = text(&more.audience) + text(&more.claims) + text(&more.meta);
            size_of::<More>() + texts + more.denied.len() * size_of::<(Generation, Timestamp)>()
        });
        size_of::<Self>() + self.subject.len() + more
    }

    /// Whether it can have been made by this module: bytes that were loaded may be damaged or hostile.
    pub(super) fn is_sound(&self) -> bool {
        // Not in any order: the clocks of the servers that made it may differ.
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
        let audience = self.audience.as_deref().is_none_or(is_name);
        let claims = self.claims.as_deref().is_none_or(|claims| {
            strict::own_claims(&format!("{{{claims}}}")).is_ok_and(|members| *members == *claims)
        });
        let meta = self.meta.as_deref().is_none_or(|meta| strict::meta(meta.as_bytes()).is_ok());
        let ascending = self.denied.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let denied = ascending && self.denied.len() <= MOST_DENIED;
        *self != Self::default() && audience && claims && meta && denied
    }
}

/// Whether `text` can be a subject, an audience or an issuer.
pub fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len()) && !text.contains('\0')
}

/// What a rotation makes of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// That of the new tokens.
    pub generation: Generation,
    /// When they were made.
    pub at: Timestamp,
    /// When the new refresh token ends.
    pub expires: Timestamp,
    /// What the application says of the session from now on, if it says something new.
    pub meta: Option<String>,
}
