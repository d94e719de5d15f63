//! The golden files hold every effect in every form.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Server;
use crate::support::aof::{name_of, records, words};

use super::set::{CURRENT, LAST, Set, command};

/// The bytes with which payloads begin, which name their form. LW._CELL has plain numbers.
const FORMS: [(&str, &[u8]); 9] = [
    ("LW._ALERTS", &[1, 2, 3]),
    ("LW._AUDIT", &[1, 2, 3]),
    ("LW._BURST", &[1, 2]),
    ("LW._GUARD", &[1, 2, 3]),
    ("LW._LEASE", &[1, 2, 3]),
    ("LW._POLICY", &[1, 2]),
    ("LW._TOKEN", &[1, 2, 3]),
    ("LW._WINDOW", &[1, 2, 3, 4]),
    ("LW._WINDOWS", &[1, 4]),
];

/// The effect commands that the module registers.
fn registered() -> BTreeSet<String> {
    let server = Server::builder().module_args("cl-throttle yes").start();
    let mut client = server.client();
    // Redis 8 hides internal commands from other clients. Other servers have no such call.
    let _ = client.run("DEBUG MARK-INTERNAL-CLIENT");
    let names = client.run("COMMAND LIST FILTERBY MODULE lockwatch").texts();
    let names = names.into_iter().map(|name| name.to_uppercase());
    names.filter(|name| name.starts_with("LW._")).collect()
}

fn names(commands: &[u8]) -> BTreeSet<String> {
    let names = records(commands).iter().map(|record| name_of(record)).collect::<BTreeSet<_>>();
    names.into_iter().filter(|name| name.starts_with("LW._")).collect()
}

#[test]
fn every_stream_holds_every_effect_that_is_registered() {
    let registered = registered();
    assert!(registered.contains("LW._WINDOW") && registered.len() > FORMS.len(), "{registered:?}");
    for set in Set::complete(CURRENT) {
        assert_eq!(names(&set.packed("stream")), registered, "{}", set.name());
    }
}

#[test]
fn the_files_hold_every_form_of_every_effect() {
    let mut forms: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    for set in Set::all(CURRENT) {
        for record in [set.packed("stream"), set.packed("base.aof")].iter().flat_map(|file| records(file)) {
            let name = name_of(&record);
            if name.starts_with("LW._") && name != "LW._CELL" {
                forms.entry(name).or_default().extend(first_bytes(&record));
            }
        }
    }
    let expected = FORMS.map(|(name, forms)| (name.to_owned(), forms.iter().copied().collect()));
    assert_eq!(forms, BTreeMap::from(expected));
    assert!(Set::all(CURRENT).iter().all(|set| set.packed("stream").ends_with(&command(&LAST))));
}

/// The first bytes of the payloads of an effect: every second argument, or the only one.
fn first_bytes(record: &[u8]) -> Vec<u8> {
    let words = words(record);
    let payloads = if words.len() == 2 { &words[1..] } else { &words[2..] };
    payloads.iter().step_by(2).map(|payload| record[payload.start]).collect()
}
