//! What the pages keep between requests.

use std::sync::Arc;

use super::facts::Facts;
use super::fetch;
use super::remarks;
use crate::facts::audit::{Event, Query};
use crate::facts::bans::List;
use crate::facts::gathered::Gathered;
use crate::facts::why::Subject;
use crate::finder::Finder;
use crate::sampler::Sampler;
use crate::web::history::History;
use crate::web::shared::Shared;

pub struct Pages {
    pub finder: Finder,
    pub history: History,
    pub overview: Shared<(), Facts>,
    pub limits: Shared<(), fetch::Limits>,
    /// By the name of the key and of the policy.
    pub key: Shared<(Vec<u8>, String), fetch::Key>,
    /// By the guard; an empty name is for all.
    pub bans: Shared<(Vec<u8>, List), fetch::Bans>,
    pub why: Shared<(Vec<u8>, Subject), fetch::Reasons>,
    pub audit: Shared<Query, Gathered<Event>>,
    pub letters: Shared<(), fetch::Letters>,
}

impl Pages {
    pub fn start(sampler: &Arc<Sampler>) -> Self {
        Self {
            finder: Finder::start(Arc::clone(sampler), Vec::new(), Vec::new()),
            history: History::start(Arc::clone(sampler), remarks::names),
            overview: Shared::default(),
            limits: Shared::default(),
            key: Shared::default(),
            bans: Shared::default(),
            why: Shared::default(),
            audit: Shared::default(),
            letters: Shared::default(),
        }
    }

    /// Forgets what was fetched, because an action has changed something.
    pub fn forget(&self) {
        self.overview.clear();
        self.limits.clear();
        self.key.clear();
        self.bans.clear();
        self.why.clear();
        self.audit.clear();
        self.letters.clear();
    }
}
