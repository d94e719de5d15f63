//! Option words of commands, and suggestions for misspelt ones.

use std::fmt::{self, Display};

use super::quoted::Quoted;

/// The option that `word` was probably meant to be: at most two letters away.
fn nearest(word: &[u8], options: &[&'static str]) -> Option<&'static str> {
    const FAR: usize = 3;
    let closest = options.iter().map(|option| (distance(word, option.as_bytes()), *option)).min()?;
    (closest.0 < FAR).then_some(closest.1)
}

/// A word that is none of a command's options, as an error message tells it: with the one that was probably meant.
pub struct UnknownOption<'a> {
    /// The word.
    pub word: &'a [u8],
    /// The options there are.
    pub options: &'static [&'static str],
}

impl Display for UnknownOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown option {}", Quoted(self.word))?;
        match nearest(self.word, self.options) {
            Some(option) => write!(f, ", did you mean {option}?"),
            None => Ok(()),
        }
    }
}

/// How many letters must be changed, added or left out to make `b` of `a`, whatever their case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len() > 2 * b.len() {
        return a.len();
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            let least = change.min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_option_is_recognised() {
        let options = ["COOLDOWN", "ENDPOINT", "IP"];
        assert_eq!(nearest(b"cooldwn", &options), Some("COOLDOWN"));
        assert_eq!(nearest(b"ENDPIONT", &options), Some("ENDPOINT"));
        assert_eq!(nearest(b"something else", &options), None);
    }
}
