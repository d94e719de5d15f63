//! The log, which is the standard error.

pub fn line(line: &str) {
    eprintln!("lockwatch: {line}");
}
