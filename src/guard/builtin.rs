//! The rules that are in force without a file.

use std::sync::{Arc, LazyLock};

use super::grammar::{self, Entry};

/// In the grammar of the file. A test checks that it parses.
pub(super) const TEXT: &str = "\
# guard  rule      scope on              count                  then               mode
login    guess     pair  attempt         5 leak 2m              challenge 15m      enforce
login    stubborn  pair  failure         10 leak 1d             challenge 1d       enforce
login    account   user  attempt         20 leak 6m             challenge 30m      enforce
login    patient   user  failure         30 leak 12h            challenge 1d alert enforce
login    otp       user  mfa             5 leak 10m             ban 15m max 1d     enforce
login    brute     ip    failure         30 leak 10s            ban 10m max 1d     enforce
login    stuffing  ip    failure         10 users leak 60s      ban 10m max 1d     enforce
login    trickle   ip    failure         20 users leak 1h       challenge 1h       enforce
login    silent    ip    open            30 users leak 20s      challenge 10m      enforce
login    enumerate ip    unknown         10 users leak 60s      alert              enforce
login    spray     user  failure         10 networks leak 1d    challenge 1d alert enforce
http     probe     ip    401,403,404     15 values leak 5s      ban 10m max 1d     observe
";

/// The built-in rules.
pub(super) fn entries() -> Arc<[Entry]> {
    static ENTRIES: LazyLock<Arc<[Entry]>> =
        LazyLock::new(|| grammar::parse(TEXT.as_bytes()).unwrap_or_default().into());
    Arc::clone(&ENTRIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_are_those_of_the_reference() {
        let lines: Vec<_> = entries().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "login guess pair attempt 5 leak 2m challenge 15m enforce",
                "login stubborn pair failure 10 leak 1d challenge 1d enforce",
                "login account user attempt 20 leak 6m challenge 30m enforce",
                "login patient user failure 30 leak 12h challenge 1d alert enforce",
                "login otp user mfa 5 leak 10m ban 15m max 1d enforce",
                "login brute ip failure 30 leak 10s ban 10m max 1d enforce",
                "login stuffing ip failure 10 users leak 1m ban 10m max 1d enforce",
                "login trickle ip failure 20 users leak 1h challenge 1h enforce",
                "login silent ip open 30 users leak 20s challenge 10m enforce",
                "login enumerate ip unknown 10 users leak 1m alert enforce",
                "login spray user failure 10 networks leak 1d challenge 1d alert enforce",
                "http probe ip 401,403,404 15 values leak 5s ban 10m max 1d observe",
            ]
        );
        assert!(grammar::parse(TEXT.as_bytes()).is_ok());
    }
}
