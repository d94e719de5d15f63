//! The structure of the module (`src/`) and of the program (`cli/src/`): an import only points down,
//! and no files import each other in a circle.
//!
//! Reads the paths in `use` lines and expressions as text, without the parts that only tests
//! compile. `cargo test --test floors -- --nocapture` prints the floors.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of a crate, lowest first. A part may import those in the lines above its own, and
/// itself.
type Floors = &'static [&'static [&'static str]];

const MODULE: Floors = &[
    &["text"],
    &["server"],
    &["journal", "sorted", "window", "ship", "top"],
    &["outbox"],
    &["policy"],
    &["ratelimit", "cell", "lease", "alert"],
    &["audit", "burst"],
    &["token", "guard"],
    &["debug", "lifecycle", "purge", "inspect"],
    &["reload"],
    &["commands", "config", "info"],
    &["lib"],
];

const PROGRAM: Floors = &[
    &["text", "reply", "info", "signal", "output", "quote", "sum"],
    &["background", "connections", "detached", "shell"],
    &["connect"],
    &["database", "sampler"],
    &["finder"],
    &["facts"],
    &["doctor", "metrics", "top", "web", "hunt"],
    &["args"],
    &["main"],
];

/// For each file, named by its module path, the files that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn an_import_of_the_module_only_points_down_and_there_is_no_cycle() {
    check("src", MODULE);
}

#[test]
fn an_import_of_the_program_only_points_down_and_there_is_no_cycle() {
    check("cli/src", PROGRAM);
}

#[track_caller]
fn check(sources: &str, floors: Floors) {
    let imports = imports_below(&below_root(sources));
    let upward = upward_imports(&imports, floors);
    let cycles = cycles(&imports);
    print!("{}", show_floors(&imports, floors));
    println!("{} files, {} upward imports, {} cycles", imports.len(), upward.len(), cycles.len());
    assert!(upward.is_empty() && cycles.is_empty(), "upward: {upward:#?}\ncycles: {cycles:#?}");
}

fn below_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_thread_starts_in_the_module_that_counts_its_panics() {
    let mut sources = Vec::new();
    let root = below_root("src");
    read_sources(&root, &root, &mut sources);
    let only_tests: BTreeSet<String> =
        sources.iter().flat_map(|(name, text)| test_modules(name, text)).collect();
    let starts = |(name, text): &&(String, String)| {
        let text = without_tests(text);
        name != "server::thread"
            && !only_tests.contains(name)
            && ["thread::spawn(move", "thread::Builder", "std::thread::spawn"]
                .iter()
                .any(|by| text.contains(by))
    };
    let elsewhere: Vec<_> = sources.iter().filter(starts).map(|(name, _)| name).collect();
    assert!(elsewhere.is_empty(), "use crate::server::thread::spawn in {elsewhere:?}");
}

#[test]
fn an_import_of_a_higher_floor_is_reported() {
    let mut imports = imports_below(&below_root("src"));
    imports.entry("text::number".into()).or_default().insert("server::call".into());
    assert_eq!(upward_imports(&imports, MODULE), ["text::number imports server::call"]);
}

#[test]
fn files_that_import_each_other_are_reported() {
    let source = [
        ("a", "use crate::b::f;"),
        ("b", "fn g() { crate::c::h(); }"),
        ("c", "use super::{a};"),
        ("d", "use crate::a::x;"),
    ];
    let imports = imports_of(&source.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(cycles(&imports), [["a", "b", "c"]]);
}

#[test]
fn paths_are_found_in_nested_lists_and_expressions() {
    let source = [
        ("a", ""),
        (
            "a::b",
            "use crate::{c::d::{self, E}, a::F};\nuse super::super::c::g;\n#[cfg(test)]\nmod tests {\n use crate::h::x;\n}",
        ),
        ("c", ""),
        ("c::d", "fn f() -> crate::a::b::X { self::x::y() }"),
        ("h", "// crate::a::b\n/* */ pub use crate::c;"),
    ];
    let imports = imports_of(&source.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let of = |name: &str| imports[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("a::b"), ["a", "c", "c::d"]);
    assert_eq!(of("c::d"), ["a::b"]);
    assert_eq!(of("h"), ["c"]);
}

// --- reading ---

fn imports_below(root: &Path) -> Imports {
    let mut sources = Vec::new();
    read_sources(root, root, &mut sources);
    imports_of(&sources)
}

fn read_sources(root: &Path, dir: &Path, into: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_sources(root, &path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap().with_extension("");
            let name = relative.to_str().unwrap().replace('/', "::");
            let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
            into.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn imports_of(sources: &[(String, String)]) -> Imports {
    let only_tests: BTreeSet<String> =
        sources.iter().flat_map(|(name, text)| test_modules(name, text)).collect();
    let is_test =
        |name: &str| only_tests.iter().any(|test| name == test || name.starts_with(&format!("{test}::")));
    let files: BTreeSet<&str> =
        sources.iter().map(|(name, _)| name.as_str()).filter(|name| !is_test(name)).collect();
    let mut imports = Imports::new();
    for (name, text) in sources.iter().filter(|(name, _)| files.contains(name.as_str())) {
        let found = paths(&without_tests(text)).into_iter().filter_map(|path| resolve(name, &path, &files));
        imports.insert(name.clone(), found.filter(|to| to != name).collect());
    }
    imports
}

/// The modules that `text` declares behind `#[cfg(test)]`.
fn test_modules(name: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    let modules =
        pairs.filter_map(|pair| pair[1].trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    modules
        .map(|module| if is_root(name) { module.to_owned() } else { format!("{name}::{module}") })
        .collect()
}

/// `text` without comments, and without the module of unit tests, with which a file ends.
fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut after_cfg_test = false;
    for line in text.lines() {
        if after_cfg_test && line.trim_start().starts_with("mod ") && line.ends_with('{') {
            break;
        }
        after_cfg_test = line.trim() == "#[cfg(test)]";
        kept.push_str(line.split("//").next().unwrap_or_default());
        kept.push('\n');
    }
    kept
}

/// Every path in `text` that begins with `crate`, `super` or `self`, the lists in it written out.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || "_:".contains(c)) {
                read_path(&text[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads the path at the start of `text`, behind `prefix`. Returns how much of `text` it takes.
fn read_path(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if word > 0 {
            prefix.push(rest[..word].to_owned());
            at += word;
        } else if rest.starts_with('{') {
            at += 1;
            loop {
                at += text[at..].find(|c: char| !c.is_whitespace() && c != ',').unwrap_or(text.len() - at);
                if text[at..].starts_with('}') || at >= text.len() {
                    break;
                }
                let taken = read_path(&text[at..], prefix, found);
                // An alias (`as name`) and a glob end a path of the list.
                at += taken;
                at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
            }
            at = (at + 1).min(text.len());
            break;
        }
        if text[at..].starts_with("::") {
            at += 2;
        } else {
            found.push(prefix.clone());
            break;
        }
    }
    prefix.truncate(depth);
    at
}

/// The file that `path`, written in the file `from`, leads into.
fn resolve(from: &str, path: &[String], files: &BTreeSet<&str>) -> Option<String> {
    let mut module: Vec<&str> = if is_root(from) { Vec::new() } else { from.split("::").collect() };
    let mut words = path.iter().map(String::as_str).peekable();
    match words.next()? {
        "crate" => module.clear(),
        "super" => {
            module.pop();
            while words.next_if_eq(&"super").is_some() {
                module.pop();
            }
        }
        _ => {}
    }
    let mut reached = module.join("::");
    for word in words {
        let next = if reached.is_empty() { word.to_owned() } else { format!("{reached}::{word}") };
        if !files.contains(next.as_str()) {
            break;
        }
        reached = next;
    }
    files.contains(reached.as_str()).then_some(reached)
}

/// Whether the file is the root of its crate.
fn is_root(file: &str) -> bool {
    ["lib", "main"].contains(&file)
}

// --- judging ---

fn part(file: &str) -> &str {
    file.split("::").next().unwrap_or(file)
}

fn floor(file: &str, floors: Floors) -> usize {
    let floor = floors.iter().position(|parts| parts.contains(&part(file)));
    floor.unwrap_or_else(|| panic!("{file} is on no floor: add its part to the list of floors"))
}

fn upward_imports(imports: &Imports, floors: Floors) -> Vec<String> {
    let all = imports.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    let upward = all.filter(|(from, to)| part(from) != part(to) && floor(from, floors) <= floor(to, floors));
    upward.map(|(from, to)| format!("{from} imports {to}")).collect()
}

/// The groups of files that import each other, directly or by way of others.
fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reachable(file, imports))).collect();
    let mut groups = BTreeSet::new();
    for (file, reached) in &reach {
        let group: Vec<String> = reached
            .iter()
            .filter(|other| reach[**other].contains(file))
            .map(|&other| other.to_owned())
            .collect();
        if group.len() > 1 {
            groups.insert(group);
        }
    }
    groups.into_iter().collect()
}

fn reachable<'a>(file: &'a str, imports: &'a Imports) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        for to in imports.get(next).into_iter().flatten() {
            if reached.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    reached
}

/// The parts by floor, highest first; in each part, its files by how far they stand above its
/// lowest ones.
fn show_floors(imports: &Imports, floors: Floors) -> String {
    let mut shown = String::new();
    for parts in floors.iter().rev() {
        for name in *parts {
            let files: Vec<&str> =
                imports.keys().map(String::as_str).filter(|file| part(file) == *name).collect();
            if files.is_empty() {
                continue;
            }
            let _ = writeln!(shown, "{name}");
            let mut levels: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
            for file in &files {
                levels.entry(level(file, imports, &mut Vec::new())).or_default().push(file);
            }
            for files in levels.values().rev() {
                let _ = writeln!(shown, "    {}", files.join(" ").replace(&format!("{name}::"), ""));
            }
        }
        shown.push_str("----\n");
    }
    shown
}

fn level<'a>(file: &'a str, imports: &'a Imports, above: &mut Vec<&'a str>) -> usize {
    if above.contains(&file) {
        return 0;
    }
    above.push(file);
    let below = imports.get(file).into_iter().flatten().filter(|to| part(to) == part(file));
    let level = below.map(|to| level(to, imports, above) + 1).max().unwrap_or(0);
    above.pop();
    level
}
