//! Random files never make the parser panic, and what is printed reads back.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::rule::{Action, Count, Kind, Mode, Of, Rule, Scope, Tag};
use super::*;
use crate::text::time::Span;

fn span() -> impl Strategy<Value = Span> {
    let unit = select(vec![1_u64, 1000, 60_000, 3_600_000, 86_400_000]);
    prop_oneof![(1..=64_u64, unit).prop_map(|(n, unit)| Span(n * unit)), (1..=Span::MAX.0).prop_map(Span)]
}

fn kind() -> impl Strategy<Value = Kind> {
    let known = ["attempt", "open", "success", "password", "failure", "unknown", "mfa", "reset"];
    prop_oneof![
        4 => select(known.to_vec()).prop_map(Kind::of),
        1 => "[a-z0-9._-]{1,32}".prop_map(|word| Kind::of(&word)),
    ]
}

fn count() -> impl Strategy<Value = Count> {
    let of = select(vec![Of::Users, Of::Networks, Of::Values]);
    prop_oneof![
        Just(Count::Each),
        (1..=1000_u32, span()).prop_map(|(most, every)| Count::Leak { most, every }),
        (1..=64_u32, of, span()).prop_map(|(most, of, every)| Count::Distinct { most, of, every }),
        (1..=64_u32, span()).prop_map(|(last, over)| Count::Gaps { last, over }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Alert),
        (span(), any::<bool>()).prop_map(|(lasts, alert)| Action::Challenge { lasts, alert }),
        (span(), proptest::option::of(span())).prop_map(|(base, most)| Action::Ban { base, most }),
    ]
}

/// Any rule that can be written, though it may be refused.
fn rule() -> impl Strategy<Value = Rule> {
    let scope = select(vec![Scope::Ip, Scope::User, Scope::Pair, Scope::Key]);
    let mode = select(vec![Mode::Enforce, Mode::Observe]);
    let quiet = proptest::option::of(span());
    let parts = ("[A-Za-z0-9._-]{1,32}", scope, vec(kind(), 1..4), count(), quiet, action(), mode);
    parts.prop_map(|(name, scope, kinds, count, quiet, action, mode)| Rule {
        tag: Tag::of(&name),
        name: name.into(),
        scope,
        kinds: kinds.into(),
        count,
        quiet,
        action,
        mode,
    })
}

/// A rule that the parser accepts.
fn accepted() -> impl Strategy<Value = Entry> {
    let guard = select(vec!["login", "http", "*", "a.b-C_9"]);
    (guard, rule()).prop_filter_map("it is refused", |(guard, rule)| {
        let (guard, read) = line::read(&format!("{guard} {rule}")).ok()?;
        check::check(&read).ok()?;
        Some(Entry { guard, rule: read, line: 0 })
    })
}

/// Words that bring the parser far.
fn words() -> impl Strategy<Value = String> {
    let known = "login * a ip user pair key failure mfa unknown open attempt failure,x each 5 0 64 65 leak users \
                 networks values gaps over 1m 2d 0 5s quiet alert challenge ban max enforce observe # \n \r\n ,";
    let known: Vec<_> = known.split(' ').map(str::to_owned).collect();
    vec(prop_oneof![9 => select(known), 1 => any::<String>()], 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn a_rule_that_is_read_is_the_rule_that_was_printed(rule in rule()) {
        if let Ok((guard, read)) = line::read(&format!("login {rule}")) {
            prop_assert_eq!(&*guard, "login");
            let is_capped = rule.scope == Scope::Pair && matches!(rule.action, Action::Ban { most: None, .. });
            prop_assert_eq!(is_capped, rule != read);
            prop_assert_eq!(line::read(&format!("login {read}")), Ok((guard, read)));
        }
    }

    #[test]
    fn printed_files_read_back(entries in vec(accepted(), 1..50)) {
        let file = |entries: &[Entry]| entries.iter().map(|entry| format!("{entry}\n")).collect::<String>();
        if let Ok(read) = parse(file(&entries).as_bytes()) {
            let rules = |entries: &[Entry]| {
                entries.iter().map(|entry| (entry.guard.clone(), entry.rule.clone())).collect::<Vec<_>>()
            };
            prop_assert_eq!(rules(&read), rules(&entries));
            prop_assert_eq!(parse(file(&read).as_bytes()), Ok(read));
        }
    }

    #[test]
    fn an_accepted_rule_keeps_the_promises(entry in accepted()) {
        let Rule { scope, kinds, count, action, .. } = &entry.rule;
        if let Action::Ban { base, most } = action {
            prop_assert!(*scope != Scope::User || **kinds == [Kind::Mfa]);
            prop_assert!(*scope != Scope::Pair || most.is_some_and(|most| most <= Span(86_400_000)));
            prop_assert!(most.is_none_or(|most| most >= *base));
        }
        prop_assert!(**kinds != [Kind::Unknown] || *action == Action::Alert);
        let (n, every, most) = match *count {
            Count::Each => (1, Span(1), 1),
            Count::Leak { most, every } => (most, every, 1_000_000),
            Count::Distinct { most, every, .. } => (most, every, 64),
            Count::Gaps { last, over } => (last, over, 64),
        };
        prop_assert!((1..=most).contains(&n) && u64::from(n) * every.0 <= Span::MAX.0);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_words_are_read_or_refused_with_a_printable_line(text in words()) {
        match parse(text.as_bytes()) {
            Ok(entries) => prop_assert!(!entries.is_empty()),
            Err(why) => prop_assert!(why.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{why:?}"),
        }
    }
}
