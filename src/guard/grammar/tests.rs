use super::super::rule::{Action, Count, Kind, Mode, Scope, Tag};
use super::*;
use crate::text::time::Span;

/// The rules of a file as they are printed.
fn printed(file: &str) -> Vec<String> {
    parse(file.as_bytes()).unwrap().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refused(file: &str, why: &str) {
    let error = parse(file.as_bytes()).expect_err(file);
    assert!(error.contains(why), "{file:?}: {error:?} does not say {why:?}");
}

#[test]
fn blanks_comments_and_line_ends_do_not_matter() {
    let file = "\r\n  # login\r\n\tlogin  a\tip failure each alert enforce # why\r\n\n#\nweb b key x 5 leak 1.5 \
                quiet 90s challenge 24h alert observe#x";
    assert_eq!(
        printed(file),
        [
            "login a ip failure each alert enforce",
            "web b key x 5 leak 1500ms quiet 90s challenge 1d alert observe"
        ]
    );
    let lines: Vec<_> = parse(file.as_bytes()).unwrap().iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [3, 6]);
}

#[test]
fn every_form_is_read() {
    let entries = parse(b"g r key a,b-.c,failure 3 gaps over 5m quiet 1h challenge 10m observe").unwrap();
    let expected = Rule {
        name: "r".into(),
        tag: Tag::of("r"),
        scope: Scope::Key,
        kinds: [Kind::of("a"), Kind::of("b-.c"), Kind::Failure].into(),
        count: Count::Gaps { last: 3, over: Span(300_000) },
        quiet: Some(Span(3_600_000)),
        action: Action::Challenge { lasts: Span(600_000), alert: false },
        mode: Mode::Observe,
    };
    assert_eq!(entries[0].rule, expected);
    for line in [
        "g r ip failure 64 values leak 1ms ban 1d enforce",
        "g r ip failure 1000000 leak 1ms ban 1d max 3650d enforce",
        "g r user failure 64 networks leak 1h alert enforce",
        "g r pair failure 2 networks leak 1h challenge 2d enforce",
        "g r key failure 2 users leak 1h challenge 2d enforce",
        "g r pair failure,unknown 64 gaps over 1h ban 1d max 1d enforce",
        "g r user mfa each ban 1m enforce",
        "g r ip unknown,404 each ban 1m enforce",
        "G-_.9 R-_.9 ip open 2 users leak 1h ban 1m enforce",
    ] {
        assert_eq!(printed(line), [line]);
    }
}

#[test]
fn a_pair_is_banned_for_a_day_at_most_also_without_a_maximum() {
    let most = |line: &str| match parse(line.as_bytes()).unwrap()[0].rule.action {
        Action::Ban { most, .. } => most,
        _ => None,
    };
    assert_eq!(most("g r pair failure each ban 1m enforce"), Some(Span(86_400_000)));
    assert_eq!(most("g r pair failure each ban 1m max 1h enforce"), Some(Span(3_600_000)));
    assert_eq!(most("g r ip failure each ban 1m enforce"), None);
}

#[test]
fn a_word_that_is_wrong_is_named_with_the_line_and_the_syntax() {
    for (rule, why) in [
        (
            "login a ip failure each challange 5m enforce",
            "line 2: 'challange' is no ACTION: did you mean challenge? (ACTION is alert | challenge d [alert] | \
             ban d [max d])",
        ),
        ("login a users x each alert enforce", "'users' is no scope: did you mean user? (scope is ip | user"),
        ("login a address x each alert enforce", "'address' is no scope (scope is ip | user | pair | key)"),
        ("login a ip x each alert", "MODE is missing (enforce | observe)"),
        ("login a ip x each alert enforced", "'enforced' is no MODE: did you mean enforce?"),
        ("login a ip x each alert enforce now", "'now' is one word too many (guard rule scope"),
        ("login a ip x each challenge 5m alret enforce", "'alret' is no MODE: did you mean alert?"),
        ("login a ip x each quite 5m alert enforce", "'quite' is no ACTION: did you mean quiet?"),
        ("login a ip x each Alert enforce", "'Alert' is no ACTION: did you mean alert?"),
        ("login", "the name of the rule is missing (guard rule scope kind[,kind...] COUNT"),
        ("login a", "the scope is missing"),
        ("login a ip", "the kind is missing"),
        ("login a ip x", "COUNT is missing (each | N leak d"),
        ("login a ip x each", "ACTION is missing"),
        ("login a ip x ever alert enforce", "'ever' is no COUNT (COUNT is each"),
        ("login a ip x eachs alert enforce", "'eachs' is no COUNT: did you mean each?"),
        ("login a ip x -5 leak 1m alert enforce", "'-5' is no COUNT"),
        ("login a ip x 5", "the word behind N is missing"),
        ("login a ip x 5 leaks 1m alert enforce", "'leaks' is no COUNT: did you mean leak?"),
        ("login a ip x 5 leak", "the duration behind leak is missing"),
        ("login a ip x 5 leak alert enforce", "leak 'alert' is not a duration in seconds or with a unit"),
        ("login a ip x 5 leak 3651d alert enforce", "leak '3651d' is out of range"),
        ("login a ip x 5 leak 731d alert enforce", "5 times 731d is longer than ten years"),
        ("login a ip x 5 gaps over 731d alert enforce", "5 times 731d is longer than ten years"),
        ("login a ip x 5 users 1m alert enforce", "leak is missing behind users"),
        ("login a ip x 5 gaps leak 1m alert enforce", "over is missing behind gaps"),
        (
            "login a ip x 0 leak 1m alert enforce",
            "the number '0' of leak is not an integer from 1 to 1000000",
        ),
        ("login a ip x 05 leak 1m alert enforce", "'05' of leak is not an integer"),
        ("login a ip x 1000001 leak 1m alert enforce", "'1000001' of leak is not an integer"),
        ("login a ip x 65 users leak 1m alert enforce", "'65' of users is not an integer from 1 to 64"),
        ("login a ip x 65 gaps over 1m alert enforce", "'65' of gaps is not an integer from 1 to 64"),
        ("login a ip x 0 values leak 1m alert enforce", "'0' of values is not"),
        ("login a ip x each ban enforce", "ban 'enforce' is not a duration"),
        ("login a ip x each ban 2m max 1m enforce", "the max of the ban is shorter than the ban"),
        ("login a ip x each ban 2m max enforce", "max 'enforce' is not a duration"),
        ("login a ip x each quiet 0 alert enforce", "quiet '0' is out of range"),
        ("login a ip x,,y each alert enforce", "'' is no kind of event"),
        ("login a ip x, y each alert enforce", "'' is no kind of event"),
        ("login a ip Failure each alert enforce", "'Failure' is no kind of event"),
        ("login a ip x,y,x each alert enforce", "the kind 'x' is given twice"),
        ("login operator ip x each alert enforce", "a rule can't be called operator"),
        ("login a:b ip x each alert enforce", "'a:b' is no name of a rule"),
        ("lw:login a ip x each alert enforce", "'lw:login' is no name of a guard"),
        ("{login} a ip x each alert enforce", "'{login}' is no name of a guard"),
        ("** a ip x each alert enforce", "'**' is no name of a guard"),
        ("\u{feff}login a ip x each alert enforce", r"'\xef\xbb\xbflogin' is no name of a guard"),
    ] {
        refused(&format!("\n{rule}\n"), why);
        refused(&format!("\n{rule}\n"), "line 2: ");
    }
    for (place, [guard, rule, kind]) in
        [["x".repeat(33).as_str(), "r", "k"], ["g", &"x".repeat(33), "k"], ["g", "r", &"x".repeat(33)]]
            .into_iter()
            .enumerate()
    {
        let what = ["a guard", "a rule", "event"][place];
        refused(&format!("{guard} {rule} ip {kind} each alert enforce"), what);
    }
    let longest = "x".repeat(32);
    assert!(parse(format!("{longest} {longest} ip {longest} each alert enforce").as_bytes()).is_ok());
    let error = parse(b"login a ip x each alert enforce\n\xff").expect_err("it is no text");
    assert_eq!(error, "line 2: it is not text");
}

#[test]
fn rules_that_could_lock_users_out_are_refused() {
    for (rule, why) in [
        ("user failure each ban 1m", "a rule of scope user can ban on mfa alone"),
        ("user mfa,failure each ban 1m", "a rule of scope user can ban on mfa alone"),
        ("pair failure each ban 25h", "scope pair bans at most 1d"),
        ("pair failure each ban 1h max 25h", "scope pair bans at most 1d"),
        ("ip unknown each ban 1h", "unknown alone can only alert"),
        ("ip unknown each challenge 1h", "unknown alone can only alert"),
        ("key unknown each challenge 1h alert", "unknown alone can only alert"),
    ] {
        refused(&format!("login a {rule} enforce"), why);
        refused(&format!("login a {rule} observe"), why);
    }
}

#[test]
fn rules_that_never_fire_are_refused() {
    for (rule, why) in [
        ("user failure 3 users leak 1m", "users can't be counted in scope user or pair"),
        ("pair failure 3 users leak 1m", "users can't be counted in scope user or pair"),
        ("ip failure 3 networks leak 1m", "networks can't be counted in scope ip"),
        ("key attempt each", "scope key can't count attempt or open"),
        ("key x,open 3 users leak 1m", "scope key can't count attempt or open"),
        ("ip open 3 leak 1m", "ip open N users leak d"),
        ("user open 3 leak 1m", "ip open N users leak d"),
        ("ip open,failure 3 users leak 1m", "ip open N users leak d"),
    ] {
        refused(&format!("login a {rule} alert enforce"), why);
    }
}

#[test]
fn a_file_that_protects_nothing_is_refused() {
    for file in ["", "# login\n", "* a ip failure each alert enforce\n"] {
        refused(file, "it has no rule of a guard");
    }
}

#[test]
fn two_rules_of_a_guard_must_have_two_names_and_hashes() {
    let rule = |guard: &str, name: &str| format!("{guard} {name} ip failure each alert enforce\n");
    refused(
        &[rule("a", "x"), rule("b", "x"), rule("a", "x")].concat(),
        "line 3: guard a has a rule x already",
    );
    refused(
        &[rule("*", "x"), rule("b", "x"), rule("*", "x")].concat(),
        "line 3: guard * has a rule x already",
    );
    // Two words with one FNV-1a hash.
    assert_eq!(Tag::of("costarring"), Tag::of("liquid"));
    let same = "the names costarring and liquid have one hash";
    refused(&[rule("a", "costarring"), rule("a", "liquid")].concat(), &format!("line 2: {same}"));
    refused(&[rule("*", "costarring"), rule("a", "liquid")].concat(), &format!("line 2: {same}"));
    assert!(parse([rule("b", "costarring"), rule("a", "liquid")].concat().as_bytes()).is_ok());
}

#[test]
fn a_guard_has_at_most_32_rules_with_those_of_every_guard() {
    let rules = |guard: &str, names: std::ops::Range<usize>| -> String {
        names.map(|n| format!("{guard} r{n} ip failure each alert enforce\n")).collect()
    };
    assert!(parse(rules("a", 0..32).as_bytes()).is_ok());
    refused(&rules("a", 0..33), "line 33: this is rule 33 of a guard, which has at most 32");
    let both = rules("*", 0..20) + &rules("a", 12..32);
    assert_eq!(merged("a", &parse(both.as_bytes()).unwrap()).len(), 32);
    refused(&(rules("*", 0..20) + &rules("b", 0..1) + &rules("a", 20..33)), "line 34: this is rule 33");
    refused(&(rules("a", 20..33) + &rules("*", 0..20)), "line 33: this is rule 33");
}

#[test]
fn the_guards_own_rule_replaces_that_of_every_guard() {
    let file = "* x ip failure each alert enforce\n* y ip failure each alert enforce\n\
                a z ip failure each alert enforce\na x ip failure each ban 1m enforce\n\
                b x ip mfa each alert enforce\n";
    let entries = parse(file.as_bytes()).unwrap();
    let of = |guard: &str| merged(guard, &entries).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        of("a"),
        [
            "a z ip failure each alert enforce",
            "a x ip failure each ban 1m enforce",
            "* y ip failure each alert enforce"
        ]
    );
    assert_eq!(of("b"), ["b x ip mfa each alert enforce", "* y ip failure each alert enforce"]);
}
