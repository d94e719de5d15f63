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
    audience: Option<Box<str>>,
    claims: Option<Box<str>>,
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

    /// Adds the audience, claims and metadata that the caller gave.
    pub(crate) fn with(mut self, audience: Option<&str>, claims: Option<&str>, meta: Option<&str>) -> Self {
        self.change(|more| {
            more.audience = audience.map(Into::into);
            more.claims = claims.map(Into::into);
            more.meta = meta.map(Into::into);
        });
        self
    }

    /// Its own audience, if it has one.
    pub(crate) fn audience(&self) -> Option<&str> {
        self.more.as_ref()?.audience.as_deref()
    }

    /// The members of CLAIMS, without the enclosing braces.
    pub(crate) fn claims(&self) -> Option<&str> {
        self.more.as_ref()?.claims.as_deref()
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
        if let Some(meta) = &rotation.meta {
            self.change(|more| more.meta = Some(meta.as_str().into()));
        }
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
            let texts = text(&more.audience) + text(&more.claims) + text(&more.meta);
            size_of::<More>() + texts + more.denied.len() * size_of::<(Generation, Timestamp)>()
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

pub(crate) fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len()) && !text.contains('\0')
}

/// The changes that a rotation makes to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub generation: Generation,
    pub at: Timestamp,
    /// The end of the new refresh token.
    pub expires: Timestamp,
    /// New metadata, if the application gave any.
    pub meta: Option<String>,
}
