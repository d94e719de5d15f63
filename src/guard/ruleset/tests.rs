use super::super::builtin;
use super::super::grammar::parse;
use super::*;

fn set(file: &str) -> RuleSet {
    RuleSet::new(parse(file.as_bytes()).unwrap().into(), None)
}

fn rules(guards: &[&str]) -> String {
    guards.iter().map(|guard| format!("{guard} r ip failure each alert enforce\n")).collect()
}

fn names(rules: &[Arc<ActiveRule>]) -> Vec<&str> {
    rules.iter().map(|rule| &*rule.name).collect()
}

#[test]
fn the_first_part_of_a_key_that_names_a_guard_decides() {
    let set = set(&rules(&["login", "http", "*", "x"]));
    let guard = |key: &[u8]| set.of_key(key).ok().map(|guard| guard.name.to_string());
    for (key, name) in [
        (&b"login"[..], Some("login")),
        (b"lw:login:{t7}", Some("login")),
        (b"login{t7}", Some("login")),
        (b"login:{t7}:http", Some("login")),
        (b"http:login", Some("http")),
        (b"a::http", Some("http")),
        (b"{t}:login", None),
        (b"{login}", None),
        (b"Login", None),
        (b"logins", None),
        (b"*", None),
        (b"", None),
        (b":", None),
        (b"login\0", None),
        (b"\xff:login", Some("login")),
        (b"1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:login", Some("login")),
        (b"1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:login", None),
    ] {
        assert_eq!(guard(key).as_deref(), name, "{}", key.escape_ascii());
    }
}

#[test]
fn a_key_without_rules_is_told_the_nearest_guard() {
    let builtin = RuleSet::new(builtin::entries(), None);
    let error = |key: &[u8]| builtin.of_key(key).err().map(|why| Refusal::from(why).to_string());
    let hint = "there are rules for http, login; the name of a key begins with that of its guard, as in http:tenant7";
    for (key, expected) in [
        (&b"logn"[..], "LWNORULE there are no rules for 'logn', did you mean login?".to_owned()),
        (b"lw:LOGIN:{t}", "LWNORULE there are no rules for 'lw:LOGIN:{t}', did you mean login?".to_owned()),
        (b"a\r\n", format!(r"LWNORULE there are no rules for 'a\x0d\x0a': {hint}")),
        (b"{login}", format!("LWNORULE there are no rules for '{{login}}': {hint}")),
    ] {
        assert_eq!(error(key), Some(expected));
    }
    assert!(error(&[b'x'; 100_000]).is_some_and(|why| why.len() < 250));
}

#[test]
fn each_kind_has_the_rules_that_count_it() {
    let builtin = RuleSet::new(builtin::entries(), None);
    for (guard, kind, rules) in [
        ("login", "attempt", &["guess", "account"][..]),
        ("login", "open", &["silent"]),
        ("login", "failure", &["stubborn", "patient", "brute", "stuffing", "trickle", "spray"]),
        ("login", "unknown", &["stubborn", "patient", "brute", "stuffing", "trickle", "enumerate", "spray"]),
        ("login", "mfa", &["otp"]),
        ("login", "success", &[]),
        ("login", "password", &[]),
        ("login", "reset", &[]),
        ("login", "404", &[]),
        ("http", "401", &["probe"]),
        ("http", "404", &["probe"]),
        ("http", "405", &[]),
        ("http", "failure", &[]),
    ] {
        let found = builtin.of_key(guard.as_bytes()).ok().map(|guard| names(guard.matching(&Kind::of(kind))));
        assert_eq!(found, Some(rules.to_vec()), "{guard} {kind}");
    }
}

#[test]
fn the_place_of_every_built_in_kind_is_its_own() {
    for (place, kind) in BUILT_IN.iter().enumerate() {
        assert_eq!(slot(kind), Some(place));
    }
}

#[test]
fn the_rules_of_every_guard_count_for_each_by_themselves() {
    let set = set(
        "* r ip failure each alert enforce\na s ip mfa each alert enforce\nb r ip x each alert enforce\n",
    );
    let of = |name: &str| set.guards().iter().find(|guard| &*guard.name == name).unwrap();
    assert_eq!((names(&of("a").rules), names(&of("b").rules)), (vec!["s", "r"], vec!["r"]));
    assert_eq!(names(of("a").matching(&Kind::Failure)), ["r"]);
    assert!(of("b").matching(&Kind::Failure).is_empty());
    of("a").matching(&Kind::Failure)[0].counts.fired.count();
    let fired = |name: &str| of(name).of_tag(Tag::of("r")).unwrap().counts.fired.get();
    assert_eq!((fired("a"), fired("b")), (1, 0));
}

#[test]
fn a_rule_goes_on_counting_when_the_file_is_read_again() {
    let before = set(&rules(&["a", "b"]));
    before.guards()[0].rules[0].counts.fired.add(7);
    let file = "b r ip failure each alert enforce\na r user x 5 leak 1m alert observe\na s ip x each alert observe\n";
    let after = RuleSet::new(parse(file.as_bytes()).unwrap().into(), Some(&before));
    let fired = |guard: usize, rule: usize| after.guards()[guard].rules[rule].counts.fired.get();
    assert_eq!((fired(0, 0), fired(0, 1), fired(1, 0)), (7, 0, 0));
    assert_eq!(&*after.guards()[0].rules[0].rule.kinds, [Kind::of("x")]);
}
