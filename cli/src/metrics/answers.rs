//! Which servers a sample has something to say about.

use crate::info::Info;
use crate::sampler::{NodeSample, Sample};

/// The servers that answered, with the module or without it.
pub fn answers(sample: &Sample) -> impl Iterator<Item = (&NodeSample, &Info)> {
    sample.nodes.iter().filter_map(|node| Some((node, &**node.info.as_ref().ok()?)))
}
