//! What changed from one sample to the next, for the log. What stays as it is, is not repeated.

use std::collections::BTreeMap;

use crate::connect::failure::{Failure, Kind};
use crate::sampler::{NodeSample, Sample};
use crate::text::printable;

use super::known;

#[derive(Default)]
pub struct Watch {
    /// `None` until the first sample.
    servers: Option<BTreeMap<String, State>>,
    search_failed: bool,
}

#[derive(Clone, PartialEq)]
struct State {
    health: Health,
    primary: bool,
    unknown: usize,
}

#[derive(Clone, PartialEq)]
enum Health {
    Answers,
    NoModule,
    /// The kind and the code of the failure. Its text may differ from one time to the next.
    Fails(Kind, String),
}

impl Watch {
    /// The lines to log about `sample`.
    pub fn changes(&mut self, sample: &Sample) -> Vec<String> {
        let mut lines = Vec::new();
        let known = self.servers.take();
        let first = known.is_none();
        let mut known = known.unwrap_or_default();
        let mut seen = BTreeMap::new();
        for node in &sample.nodes {
            let before = known.remove(&node.name);
            let now = State::of(node);
            if before.is_none() && !first {
                lines.push(format!("{}: found, a {}", node.name, role(now.primary)));
            }
            lines.extend(now.since(before.as_ref(), node));
            seen.insert(node.name.clone(), now);
        }
        lines.extend(known.into_keys().map(|name| format!("{name}: no longer one of the servers")));
        self.servers = Some(seen);
        lines.extend(self.search(sample.failure.as_deref()));
        lines
    }

    fn search(&mut self, failure: Option<&str>) -> Option<String> {
        let before = std::mem::replace(&mut self.search_failed, failure.is_some());
        match (before, failure) {
            (false, Some(why)) => Some(format!("can't look for the servers: {}", printable(why.as_bytes()))),
            (true, None) => Some("the servers can be looked for again".into()),
            _ => None,
        }
    }
}

impl State {
    fn of(node: &NodeSample) -> Self {
        let (health, unknown) = match &node.info {
            Ok(info) if info.has_module() => (Health::Answers, known::unknown(info).len()),
            Ok(_) => (Health::NoModule, 0),
            Err(why) => (Health::Fails(why.kind, why.code.clone()), 0),
        };
        Self { health, primary: node.is_primary(), unknown }
    }

    /// The lines about a server that was `before` and now is as `self`.
    fn since(&self, before: Option<&Self>, node: &NodeSample) -> Vec<String> {
        let mut lines = Vec::new();
        let health = before.map_or(&Health::Answers, |before| &before.health);
        if *health != self.health {
            lines.push(match (&self.health, &node.info) {
                (Health::Fails(..), Err(why)) => format!("no metrics: {}", reason(why)),
                (Health::NoModule, _) => "the module lockwatch is not loaded".into(),
                _ => "answers again".into(),
            });
        }
        let answers = matches!(self.health, Health::Answers | Health::NoModule);
        if answers && before.is_some_and(|before| before.primary != self.primary) {
            lines.push(format!("is now a {}", role(self.primary)));
        }
        if self.unknown > 0 && before.is_none_or(|before| before.unknown != self.unknown) {
            lines.push(format!("INFO has fields that this version does not know: {}", unknown_names(node)));
        }
        lines.into_iter().map(|line| format!("{}: {line}", node.name)).collect()
    }
}

/// The first of the fields that the program does not know.
fn unknown_names(node: &NodeSample) -> String {
    const SHOWN: usize = 10;
    let names = node.info.as_ref().map(|info| known::unknown(info)).unwrap_or_default();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    format!("{}{more}", printable(shown.as_bytes()))
}

fn role(primary: bool) -> &'static str {
    if primary { "primary" } else { "replica" }
}

/// The text of a failure names no secret.
fn reason(why: &Failure) -> String {
    printable(why.text.as_bytes())
}
