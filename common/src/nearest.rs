//! Finds the known word that a mistyped one most likely means.

/// The word of `known` that `word` is a misspelling of: at most two letters are wrong, missing or
/// too many, and fewer than half of them. Ignores the case.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let scored = known.iter().map(|candidate| (distance(word.as_bytes(), candidate.as_bytes()), *candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && distance * 2 < candidate.len()).then_some(candidate)
}

/// The number of letters to insert, delete or replace (Levenshtein).
fn distance(one: &[u8], other: &[u8]) -> usize {
    // A word that is far too long is never near, and must not cost time.
    if one.len() > other.len() + 2 {
        return usize::MAX / 2;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_finds_its_neighbour_and_another_word_none() {
        let known = ["sslmode", "user", "port"];
        for (word, found) in [
            ("sslmod", Some("sslmode")),
            ("SSLMode", Some("sslmode")),
            ("slmdoe", None),
            ("sslmodes", Some("sslmode")),
            ("usr", Some("user")),
            ("prt", Some("port")),
            ("p", None),
            ("", None),
            ("hunter2hunter2", None),
        ] {
            assert_eq!(nearest(word, &known), found, "{word}");
        }
    }
}
