//! The link that lets one visitor in, once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::secret::{self, Mark};

pub const LIFE: Duration = Duration::from_secs(60);

/// At most one link is valid: a new one replaces the last.
#[derive(Default)]
pub struct Link(Mutex<Option<(Mark, Instant)>>);

impl Link {
    /// Makes a new link. Returns its token.
    pub fn renew(&self) -> Result<String> {
        let token = secret::generate()?;
        *self.lock() = Some((secret::mark(token.as_bytes()), Instant::now()));
        Ok(token)
    }

    /// Whether `token` is that of the link. It is not a second time.
    pub fn redeem(&self, token: &str) -> bool {
        self.redeem_at(token, Instant::now())
    }

    fn redeem_at(&self, token: &str, now: Instant) -> bool {
        let mut link = self.lock();
        let valid = link.is_some_and(|(mark, made)| {
            secret::equal(&mark, &secret::mark(token.as_bytes()))
                && now.saturating_duration_since(made) < LIFE
        });
        if valid {
            *link = None;
        }
        valid
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Mark, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_for_a_minute_and_until_the_next() {
        let link = Link::default();
        assert!(!link.redeem(""));
        let first = link.renew().unwrap();
        let token = link.renew().unwrap();
        let now = Instant::now();
        for wrong in ["", "x", &first, &token[1..]] {
            assert!(!link.redeem(wrong), "{wrong}");
        }
        assert!(!link.redeem_at(&token, now + LIFE));
        assert!(link.redeem(&token));
        assert!(!link.redeem(&token));
    }
}
