//! What the pages keep between requests.

use std::sync::Arc;

use super::facts::Facts;
use super::remarks;
use crate::finder::Finder;
use crate::sampler::Sampler;
use crate::web::history::History;
use crate::web::shared::Shared;

pub struct Pages {
    pub finder: Finder,
    pub history: History,
    pub overview: Shared<Facts>,
}

impl Pages {
    pub fn start(sampler: &Arc<Sampler>) -> Self {
        Self {
            finder: Finder::start(Arc::clone(sampler), Vec::new(), Vec::new()),
            history: History::start(Arc::clone(sampler), remarks::names),
            overview: Shared::default(),
        }
    }

    /// Forgets what was fetched, because an action has changed something.
    pub async fn forget(&self) {
        self.overview.clear().await;
    }
}
