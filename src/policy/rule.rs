//! The limits of a policy or of an override.

use serde::{Deserialize, Serialize};

use crate::text::time::Span;
use crate::window::log::MAX_PAIRS;
use crate::window::verdict::{MAX_LIMIT, Quota};

/// One to [`MAX_PAIRS`] quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    quotas: [Quota; MAX_PAIRS],
    len: u8,
    /// Calls are decided and counted, but none is denied.
    pub shadow: bool,
}

impl Rule {
    /// `None` if the number of quotas, a limit or a window is out of range.
    pub(super) fn new(quotas: &[Quota], shadow: bool) -> Option<Self> {
        let is_sound =
            |quota: &Quota| quota.limit <= MAX_LIMIT && (Span::MIN..=Span::MAX).contains(&quota.window);
        if quotas.is_empty() || quotas.len() > MAX_PAIRS || !quotas.iter().all(is_sound) {
            return None;
        }
        let mut rule = Self { quotas: [Quota::default(); MAX_PAIRS], len: quotas.len() as u8, shadow };
        rule.quotas[..quotas.len()].copy_from_slice(quotas);
        Some(rule)
    }

    /// In the order in which they were given.
    #[inline]
    pub(crate) fn quotas(&self) -> &[Quota] {
        &self.quotas[..usize::from(self.len)]
    }
}

/// A rule as it is encoded.
#[derive(Serialize, Deserialize)]
pub(super) struct Encoded {
    limits: Vec<(u64, Span)>,
    shadow: bool,
}

impl From<&Rule> for Encoded {
    fn from(rule: &Rule) -> Self {
        let limits = rule.quotas().iter().map(|quota| (quota.limit, quota.window)).collect();
        Self { limits, shadow: rule.shadow }
    }
}

impl Encoded {
    /// `None` if it is damaged.
    pub(super) fn decode(self) -> Option<Rule> {
        let quotas: Vec<_> = self.limits.into_iter().map(|(limit, window)| Quota { limit, window }).collect();
        Rule::new(&quotas, self.shadow)
    }
}
