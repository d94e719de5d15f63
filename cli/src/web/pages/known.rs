//! What is not known, so that it does not look like nothing.

use super::frame::Trouble;
use super::words::number;
use crate::sampler::Sample;
use crate::sum::sum;

/// Whether every primary has told how it is.
pub fn is_complete(sample: &Sample) -> bool {
    let mut primaries = sample.nodes.iter().filter(|node| node.is_primary()).peekable();
    primaries.peek().is_some() && primaries.all(|node| node.info.as_ref().is_ok_and(|info| info.has_module()))
}

/// Why keys may be missing from a list: `what` they are, the field of INFO with their number, and
/// how many were `found`.
pub fn missing(sample: &Sample, what: &str, field: &str, found: usize) -> Option<Trouble> {
    if !is_complete(sample) {
        return Some(Trouble(format!("Not every server answers, so {what} may be missing here.")));
    }
    let primaries = sample.answers().filter(|(node, _)| node.is_primary());
    let counted = sum(primaries.filter_map(|(_, info)| info.lockwatch(field)));
    let found = i64::try_from(found).unwrap_or(i64::MAX);
    (found < counted).then(|| {
        Trouble(format!(
            "{} of {} {what} were found so far: their names are searched slowly, in order not to burden the \
             server, and only in the database of the connection. The search needs the right +scan.",
            number(found),
            number(counted)
        ))
    })
}
