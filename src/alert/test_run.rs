//! The runs of LW.ALERTS TEST: each waits until every endpoint has answered its test alert.

use std::sync::Arc;

use crate::journal::id::Id;
use crate::server::blocked::{Answer, Waiting};

use super::attempt::{Attempt, AttemptResult};
use super::endpoint::Endpoint;

/// The maximum number of runs at a time.
const MAX_RUNS: usize = 8;

#[derive(Default)]
pub(crate) struct TestRuns {
    runs: Vec<Run>,
}

struct Run {
    /// The id of the test alert.
    id: Id,
    waiting: Waiting,
    results: Vec<(Arc<Endpoint>, Option<AttemptResult>)>,
    answer: fn(Vec<Report>) -> Answer,
}

/// What one endpoint answered.
pub(crate) struct Report {
    pub endpoint: Arc<Endpoint>,
    pub result: AttemptResult,
}

impl TestRuns {
    pub(crate) const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.runs.len() >= MAX_RUNS
    }

    /// Adds a run with at least one of `attempts`, all of one alert.
    pub(crate) fn add(&mut self, attempts: &[Attempt], waiting: Waiting, answer: fn(Vec<Report>) -> Answer) {
        let Some(id) = attempts.first().map(|attempt| attempt.id) else { return };
        let results = attempts.iter().map(|attempt| (Arc::clone(&attempt.endpoint), None)).collect();
        self.runs.push(Run { id, waiting, results, answer });
    }

    /// Adds a result to its run, and answers the client if it was the last.
    pub(crate) fn finish(&mut self, result: AttemptResult) {
        let Some(at) = self.runs.iter().position(|run| run.id == result.id) else { return };
        let results = &mut self.runs[at].results;
        if let Some((_, slot)) = results.iter_mut().find(|(endpoint, _)| endpoint.id == result.endpoint) {
            *slot = Some(result);
        }
        if results.iter().all(|(_, result)| result.is_some()) {
            let Run { waiting, results, answer, .. } = self.runs.swap_remove(at);
            let reports = results
                .into_iter()
                .filter_map(|(endpoint, result)| Some(Report { endpoint, result: result? }));
            waiting.answer(answer(reports.collect()));
        }
    }
}
