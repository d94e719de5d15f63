//! An isolation forest (Liu, Ting, Zhou: Isolation Forest, ICDM 2008).
//!
//! A tree splits a sample of the subjects at random values of random features until each is alone.
//! A subject that is far from the others is alone after few splits, so a short path means strange.
//!
//! The same log has to give the same answer, and no crate that could be used takes a seed
//! (docs/decisions/isolation-forest.md). A test compares the scores with those of another
//! implementation.

use super::random::Random;

/// Trees in a forest: more than the 100 of the paper, so that scores depend less on the seed.
const TREES: usize = 300;
/// Subjects from which a tree is made, at most. From the paper: more would hide clusters of
/// attackers.
const SAMPLE: usize = 256;
/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

pub(super) struct Forest<const N: usize> {
    trees: Vec<Node>,
    /// The mean path length in a tree of this size, by which path lengths are divided.
    usual: f64,
}

enum Node {
    Leaf { size: usize },
    Split { feature: usize, at: f64, below: Box<Node>, above: Box<Node> },
}

impl<const N: usize> Forest<N> {
    /// Makes a forest of at least two subjects. A feature of weight 2 is drawn twice as often as
    /// one of weight 1. The same subjects in the same order and the same seed make the same forest.
    pub(super) fn grow(subjects: &[[f64; N]], weights: &[usize; N], seed: u64) -> Self {
        let size = subjects.len().min(SAMPLE);
        let deepest = (size.max(2) as f64).log2().ceil() as usize;
        let mut random = Random::seeded(seed);
        let mut indices: Vec<usize> = (0..subjects.len()).collect();
        let trees = (0..TREES).map(|_| {
            // The first steps of a Fisher-Yates shuffle draw a sample without repetition.
            for i in 0..size {
                let other = i + random.below(indices.len() - i);
                indices.swap(i, other);
            }
            let mut sample: Vec<&[f64; N]> = indices[..size].iter().map(|&i| &subjects[i]).collect();
            split(&mut sample, weights, deepest, &mut random)
        });
        Self { trees: trees.collect(), usual: mean_path(size) }
    }

    /// From 0 to 1. Ordinary subjects have about 0.4, and what is above 0.6 is strange.
    pub(super) fn score(&self, subject: &[f64; N]) -> f64 {
        let total: f64 = self.trees.iter().map(|tree| path(tree, subject)).sum();
        2_f64.powf(-total / self.trees.len() as f64 / self.usual)
    }
}

fn split<const N: usize>(
    sample: &mut [&[f64; N]],
    weights: &[usize; N],
    depth: usize,
    random: &mut Random,
) -> Node {
    let leaf = Node::Leaf { size: sample.len() };
    if depth == 0 || sample.len() < 2 {
        return leaf;
    }
    let Some((feature, low, high)) = draw(sample, weights, random) else { return leaf };
    let at = random.between(low, high);
    // The lowest go below and the highest above, so neither side is empty.
    sample.sort_unstable_by(|one, other| one[feature].total_cmp(&other[feature]));
    let middle = sample.partition_point(|subject| subject[feature] <= at);
    let (below, above) = sample.split_at_mut(middle);
    Node::Split {
        feature,
        at,
        below: Box::new(split(below, weights, depth - 1, random)),
        above: Box::new(split(above, weights, depth - 1, random)),
    }
}

/// A feature that differs within the sample, drawn by weight, with its least and greatest value.
fn draw<const N: usize>(
    sample: &[&[f64; N]],
    weights: &[usize; N],
    random: &mut Random,
) -> Option<(usize, f64, f64)> {
    let mut ranges: Vec<(usize, f64, f64)> = Vec::with_capacity(N);
    for feature in (0..N).filter(|feature| weights[*feature] > 0) {
        let values = sample.iter().map(|subject| subject[feature]);
        let range = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), range);
        if low < high {
            ranges.push((feature, low, high));
        }
    }
    let total: usize = ranges.iter().map(|(feature, ..)| weights[*feature]).sum();
    let mut ticket = if total == 0 { return None } else { random.below(total) };
    for range in ranges {
        match ticket.checked_sub(weights[range.0]) {
            Some(left) => ticket = left,
            None => return Some(range),
        }
    }
    None
}

fn path<const N: usize>(tree: &Node, subject: &[f64; N]) -> f64 {
    let (mut node, mut length) = (tree, 0.0);
    loop {
        match node {
            // A leaf of several stands for the tree that would separate them.
            Node::Leaf { size } => return length + mean_path(*size),
            Node::Split { feature, at, below, above } => {
                node = if subject[*feature] <= *at { below } else { above };
                length += 1.0;
            }
        }
    }
}

/// The mean length of an unsuccessful search in a binary search tree of `size` values, as in the
/// paper.
fn mean_path(size: usize) -> f64 {
    let n = size as f64;
    match size {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * ((n - 1.0).ln() + GAMMA) - 2.0 * (n - 1.0) / n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cloud around 0, and one subject far from it at the end.
    fn cloud_and_stranger() -> Vec<[f64; 4]> {
        let mut random = Random::seeded(1);
        let mut subjects: Vec<[f64; 4]> = (0..400)
            .map(|_| std::array::from_fn(|_| (0..6).map(|_| random.between(-1.0, 1.0)).sum()))
            .collect();
        subjects.push([0.0, 9.0, 0.0, -8.0]);
        subjects
    }

    #[test]
    fn what_is_far_from_the_others_has_the_highest_score() {
        let subjects = cloud_and_stranger();
        let forest = Forest::grow(&subjects, &[1; 4], 7);
        let scores: Vec<f64> = subjects.iter().map(|subject| forest.score(subject)).collect();
        let (stranger, others) = scores.split_last().unwrap();
        assert!(*stranger > 0.65 && others.iter().all(|score| score < stranger), "{stranger}");
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn a_seed_always_makes_the_same_forest() {
        let subjects = cloud_and_stranger();
        let score = |seed| Forest::grow(&subjects, &[1; 4], seed).score(&subjects[3]).to_bits();
        assert_eq!(score(7), score(7));
        assert_ne!(score(7), score(8));
    }

    #[test]
    fn subjects_that_are_all_the_same_are_equally_strange() {
        let subjects = vec![[1.0, f64::MAX]; 50];
        let forest = Forest::grow(&subjects, &[1; 2], 7);
        assert!(forest.score(&subjects[0]).is_finite());
        let two = Forest::grow(&[[0.0], [1.0]], &[1], 7);
        assert_eq!(two.score(&[0.0]).to_bits(), two.score(&[1.0]).to_bits());
    }

    /// An independent implementation of the same forest, with seeds of its own.
    #[test]
    fn scores_are_those_of_another_implementation() {
        use extended_isolation_forest as other;
        let subjects = cloud_and_stranger();
        let options = other::ForestOptions {
            n_trees: TREES,
            sample_size: SAMPLE,
            max_tree_depth: None,
            extension_level: 0,
        };
        let theirs = other::Forest::from_slice(&subjects, &options).unwrap();
        let ours = Forest::grow(&subjects, &[1; 4], 7);
        for subject in &subjects {
            let (ours, theirs) = (ours.score(subject), theirs.score(subject));
            assert!((ours - theirs).abs() < 0.05, "{subject:?}: {ours} and {theirs}");
        }
    }
}
